"""Pretrained weights of the timm library."""

from __future__ import annotations

import torch

from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.models.backbone import Backbone, head_width, without_head
from kenspeckle.models.timm_models import TimmConfig, TimmNetwork, timm


def timm_backbone(name: str) -> Backbone:
    """The network called `name`, which may carry a tag of its weights, as resnet18.a1_in1k does.

    Raises `ConfigError` for an unknown name, `ModelFileError` where the weights cannot be had.
    """
    library = timm()
    architecture = name.partition(".")[0]
    try:
        config = TimmConfig(architecture=architecture)
    except ValueError as error:
        raise ConfigError(f"timm/{name}: {error}") from error
    if not library.is_model(architecture) or not library.is_model_pretrained(architecture):
        raise ConfigError(f"unknown backbone 'timm/{name}' (timm has no such pretrained network)")
    try:
        body = library.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelFileError(f"timm/{name}: cannot be loaded: {reason}") from error
    said = body.pretrained_cfg
    network = TimmNetwork(body, 1)
    network.scale.mean.copy_(255 * torch.tensor(said["mean"])[:, None, None])
    network.scale.deviation.copy_(255 * torch.tensor(said["std"])[:, None, None])
    features = head_width(network)
    _, height, width = said["input_size"]
    return Backbone(
        network=without_head(network),
        features=features,
        size=(height, width),
        config=config,
        about=f"timm/{name}; licence {said.get('license') or 'unknown'}",
    )
