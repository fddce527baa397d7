"""Pretrained weights of the transformers library, from its hub or from a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kenspeckle.errors import ConfigError, ModelFileError, unknown_name
from kenspeckle.models.backbone import Backbone, head_width, without_head
from kenspeckle.models.hf import (
    KINDS,
    HfConfig,
    HfNetwork,
    library_config,
    size_names,
    transformers,
)
from kenspeckle.models.layers import FixedScale

_WEIGHTS = "model.safetensors"


def hf_backbone(source: str) -> Backbone:
    """The network in the folder `source`, or ORG/NAME on the hub, where HF_HUB_OFFLINE allows it.

    Only safetensors are read, and no code. Raises `ModelFileError` where it cannot be had whole,
    `ConfigError` for a kind of network that is not in `KINDS`.
    """
    folder = Path(source)
    if folder.is_dir():
        for name in ("config.json", _WEIGHTS):
            if not (folder / name).is_file():
                raise ModelFileError(f"{source}: not a folder of transformers (no {name})")
        for entry in sorted(folder.iterdir()):
            # transformers would wait for a pipe, whichever of its files that is
            if entry.exists() and not (entry.is_file() or entry.is_dir()):
                raise ModelFileError(f"{source}: {entry.name} is no regular file")
    elif not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise ConfigError(f"hf/{source}: expected hf/ORG/NAME or the path of a folder")
    library = transformers()
    try:
        with _quiet(library):
            return _load(library, source)
    except OSError as error:  # what transformers raises for all that it does not find
        reason = " ".join(str(error).split())[:300]
        raise ModelFileError(f"hf/{source}: cannot be loaded: {reason}") from error


def _load(library: Any, source: str) -> Backbone:
    config = _config(library, source)
    body, found = library.AutoModelForImageClassification.from_pretrained(
        source,
        config=library_config(config),
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # of the last layer, which is thrown away
        output_loading_info=True,
    )
    absent = [name for name in found["missing_keys"] if not name.startswith("classifier.")]
    wrong = [
        entry[0] for entry in found["mismatched_keys"] if not entry[0].startswith("classifier.")
    ]
    if absent or wrong:
        name = sorted(absent + wrong)[0]
        raise ModelFileError(f"hf/{source}: tensor {name} is missing or of another shape")
    network = HfNetwork(body, 1)
    features = head_width(network)
    size = _prepare(library, source, network.scale)
    licence = _licence(library, source)
    return Backbone(
        network=without_head(network),
        features=features,
        size=size,
        config=config,
        about=f"{source} ({config.sizes['model_type']}, transformers); licence {licence}",
    )


def _config(library: Any, source: str) -> HfConfig:
    """The sizes in config.json, those that differ from the defaults of their kind."""
    said, _ = library.PretrainedConfig.get_config_dict(source)
    kind = said.get("model_type")
    if kind not in KINDS:
        raise ConfigError(unknown_name(f"model_type in hf/{source}", str(kind), KINDS))
    names = size_names(type(library.AutoConfig.for_model(kind)))
    sizes = {name: said[name] for name in sorted(names & said.keys())}
    try:
        return HfConfig(text=json.dumps({"model_type": kind, **sizes}))
    except ValueError as error:
        raise ConfigError(f"hf/{source}: {error}") from error


def _prepare(library: Any, source: str, scale: FixedScale) -> tuple[int, int]:
    """Set `scale` as the preprocessor says; the size of the pictures that it makes."""
    said, _ = library.BaseImageProcessor.get_image_processor_dict(source)
    factor = float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0
    mean, deviation = said.get("image_mean"), said.get("image_std")
    if not said.get("do_normalize", True):
        mean, deviation = [0.0] * 3, [1.0] * 3
    crop = said.get("crop_size") if said.get("do_center_crop", True) else None
    size = crop or said.get("size")
    if isinstance(size, dict):
        edge = size.get("shortest_edge")
        size = (size.get("height", edge), size.get("width", edge))
    elif isinstance(size, int):
        size = (size, size)
    if not (_is_three(mean) and _is_three(deviation) and _is_size(size)):
        raise ModelFileError(
            f"hf/{source}: its preprocessor_config.json must give image_mean, image_std and size"
        )
    scale.mean.copy_(torch.tensor(mean)[:, None, None] / factor)
    scale.deviation.copy_(torch.tensor(deviation)[:, None, None] / factor)
    height, width = size
    return height, width


def _is_three(values: Any) -> bool:
    return isinstance(values, list) and len(values) == 3 and all(map(_is_number, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e6


def _is_size(size: Any) -> bool:
    return isinstance(size, tuple) and all(type(side) is int and 1 <= side <= 4096 for side in size)


def _licence(library: Any, source: str) -> str:
    """As the front matter of its card says."""
    path = library.utils.cached_file(
        source, "README.md", _raise_exceptions_for_missing_entries=False
    )
    card = Path(path).read_text(encoding="utf-8", errors="replace")[:10000] if path else ""
    found = re.search(r"^license:\s*([\w.-]+)\s*$", card, re.MULTILINE)
    return found[1] if found else "unknown"


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """No progress bars and no reports of weights that are meant to be new."""
    logging = library.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
