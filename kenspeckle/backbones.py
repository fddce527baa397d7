"""Backbones by name: built in, of a library, or in a file."""

from __future__ import annotations

from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from kenspeckle import model_file
from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.foreign import open_regular
from kenspeckle.models.backbone import Backbone, head_width, without_head
from kenspeckle.models.hf_pretrained import hf_backbone
from kenspeckle.models.pretrained import lite0, lite0_of
from kenspeckle.models.timm_pretrained import timm_backbone


def backbone(name: str) -> Backbone:
    """The pretrained network called `name`.

    `lite0`; `hf/ORG/NAME` or `hf/PATH`; `timm/NAME`; a folder of transformers; or a file of
    safetensors: a model file, whose network is used without its last layer, or weights of lite0.
    Raises `ConfigError` for an unknown name, `MissingExtraError` where a library is missing, and
    `ModelFileError` where the weights cannot be used.
    """
    if name == "lite0":
        return lite0()
    library, _, rest = name.partition("/")
    if library == "hf" and rest:
        return hf_backbone(rest)
    if library == "timm" and rest:
        return timm_backbone(rest)
    if name.endswith(".safetensors"):
        return _of_file(Path(name))
    if Path(name).is_dir():
        return hf_backbone(name)
    raise ConfigError(
        f"unknown backbone {name!r} (known: lite0, hf/ORG/NAME, timm/NAME, "
        "a folder of transformers, a file of .safetensors)"
    )


def _of_file(path: Path) -> Backbone:
    weights = _lite0_weights(path)
    if weights is not None:
        try:
            return lite0_of(weights, about=f"EfficientNet-Lite0 with the weights in {path}")
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
    model = model_file.load(path)
    features = head_width(model.network)
    channels, height, width = model.shape
    classes = len(model.class_names)
    return Backbone(
        network=without_head(model.network),
        features=features,
        size=(height, width),
        config=model.architecture,
        about=f"{path}: {model.architecture.name}, trained on {classes} classes",
        channels=channels,
    )


def _lite0_weights(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a file that has lite0's names and is no model file, else None."""
    try:
        open_regular(path).close()  # safetensors would wait for a pipe
        with safetensors.safe_open(path, framework="pt") as file:
            names, metadata = set(file.keys()), file.metadata() or {}
        if "_conv_stem.weight" not in names or model_file.KEY in metadata:
            return None
        return safetensors.torch.load_file(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except safetensors.SafetensorError:
        return None  # `model_file.load` says what is wrong with it
