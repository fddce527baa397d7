"""Networks of the transformers library, rebuilt from plain numbers in a closed list of kinds.

What a configuration may say is limited to the sizes of one of these kinds: it names no code, no
kernel, no file and no other model, since it may come from a model file of a stranger.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from kenspeckle.errors import LIBRARY_FAILURES, ConfigError, MissingExtraError, unknown_name
from kenspeckle.models.layers import FixedScale

KINDS = (  # as `model_type` calls them; each is built by a test
    "convnext",
    "convnextv2",
    "deit",
    "dinov2",
    "dinov2_with_registers",
    "mobilenet_v2",
    "regnet",
    "resnet",
    "swin",
    "vit",
)
_ONE_SIZE = ("deit", "vit")  # they have learned places, so pictures must have just that size
_NOT_SIZES = ("out_features", "out_indices", "stage_names")
MAX_TEXT = 16384  # characters
_MAX_DEPTH = 256  # layers; a file of a stranger could otherwise keep us building for hours
_MAX_WINDOW = 64  # swin allocates its fourth power


@dataclass(frozen=True, kw_only=True)
class HfConfig:
    """The configuration of transformers, as far as it decides on the shape of the network."""

    name: Literal["hf"] = "hf"
    text: str = ""  # a JSON object: `model_type`, and sizes by the names that transformers uses

    def __post_init__(self) -> None:
        sizes = self.sizes
        if sizes.get("model_type") not in KINDS:
            raise ValueError(unknown_name("model_type", str(sizes.get("model_type")), KINDS))
        for key, value in sizes.items():
            _check_size(key, value)
        if sizes.get("num_channels", 3) != 3:
            raise ValueError(f"num_channels must be 3, got {sizes['num_channels']}")

    @property
    def sizes(self) -> dict[str, Any]:
        """The object that `text` holds."""
        if len(self.text) > MAX_TEXT:
            raise ValueError(f"text must have {MAX_TEXT:,} characters or less")
        try:
            sizes = json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise ValueError("text must be a JSON object with a model_type") from error
        if not isinstance(sizes, dict):
            raise ValueError("text must be a JSON object with a model_type")
        return sizes


class HfNetwork(nn.Module):
    """(N, C, H, W) pixels to (N, outputs); C is 3, or 1, which then stands for all three.

    Its features are what the classifier of transformers is given.
    """

    def __init__(self, body: Any, outputs: int) -> None:
        """`body` classifies pictures; another last layer takes the place of its own."""
        super().__init__()
        # the values come with the weights
        self.scale = FixedScale(mean=(0.0,) * 3, deviation=(255.0,) * 3)
        *_, last = (layer for layer in body.classifier.modules() if isinstance(layer, nn.Linear))
        body.classifier = nn.Flatten()
        self.body = body
        self.head = nn.Linear(last.in_features, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Scale, body, head."""
        found: Tensor = self.head(self.body(pixel_values=self.scale(images)).logits)
        return found


def hf_network(config: HfConfig, *, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """The network of `config`, weights as transformers leaves them.

    Raises `ConfigError` where the sizes do not go together or with pictures of `shape`, and
    `MissingExtraError` where transformers is not installed.
    """
    library = transformers()
    settings = library_config(config)
    size = config.sizes.get("image_size", settings.image_size) if _is_rigid(config) else None
    if size is not None and shape[1:] != _pair(size):
        height, width = _pair(size)
        raise ConfigError(
            f"model hf ({settings.model_type}) needs pictures of {height} x {width}, "
            f"got {shape[1]} x {shape[2]}"
        )
    try:
        body = library.AutoModelForImageClassification.from_config(settings)
    except LIBRARY_FAILURES as error:
        raise ConfigError(f"model hf: {_line(error)}") from error
    return HfNetwork(body, outputs)


def library_config(config: HfConfig) -> Any:
    """The configuration object of transformers, checked to hold sizes only."""
    kind = _config_class(config.sizes["model_type"])
    sizes = {key: value for key, value in config.sizes.items() if key != "model_type"}
    known = size_names(kind)
    for key in sizes:
        if key not in known:
            raise ConfigError(unknown_name("size of model hf", key, known))
    try:
        made = kind(**sizes)
    except (*LIBRARY_FAILURES, _strict_failure()) as error:
        raise ConfigError(f"model hf: {_line(error)}") from error
    made.architectures = [_class_name(made.model_type)]  # of several, the plain classifier
    return made


def size_names(kind: Any) -> set[str]:
    """The settings that a kind of network has beyond those of all kinds."""
    general = {entry.name for entry in dataclasses.fields(transformers().PretrainedConfig)}
    own = {entry.name for entry in dataclasses.fields(kind)} - general - set(_NOT_SIZES)
    return {name for name in own if not name.startswith("_")}


def transformers() -> Any:
    """The library; raises `MissingExtraError` where it is not installed."""
    try:
        import transformers as library
    except ImportError as error:
        raise MissingExtraError(
            "transformers is not installed; pip install 'kenspeckle[hf]'"
        ) from error
    return library


def _config_class(model_type: str) -> Any:
    return type(transformers().AutoConfig.for_model(model_type))


def _class_name(model_type: str) -> str:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as NAMES,
    )

    name = NAMES[model_type]
    return str(name if isinstance(name, str) else name[0])


def _strict_failure() -> type[Exception]:
    from huggingface_hub.errors import StrictDataclassError

    failure: type[Exception] = StrictDataclassError
    return failure


def _is_rigid(config: HfConfig) -> bool:
    return config.sizes["model_type"] in _ONE_SIZE


def _pair(size: Any) -> tuple[int, int]:
    pair = size if isinstance(size, list | tuple) else (size, size)
    if len(pair) != 2:
        raise ConfigError(f"image_size of model hf must be one number or two, got {size}")
    return pair[0], pair[1]


def _check_size(key: str, value: Any) -> None:
    """Refuse what is no plain number, word or list of such, and what would take for ever."""
    parts = value if isinstance(value, list) else [value]
    if len(parts) > 100 or not all(_is_plain(part) for part in parts):
        raise ValueError(f"{key} must be a word, a number up to 65536 or a short list of those")
    numbers = [part for part in parts if type(part) is int]
    if any(word in key for word in ("layers", "depth", "repeat")) and sum(numbers) > _MAX_DEPTH:
        raise ValueError(f"{key} must be at most {_MAX_DEPTH} in all, got {value}")
    if "window" in key and any(number > _MAX_WINDOW for number in numbers):
        raise ValueError(f"{key} must be at most {_MAX_WINDOW}, got {value}")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 100
    if value is None or isinstance(value, bool):
        return True
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= 65536


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
