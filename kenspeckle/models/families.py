"""The closed list of architectures; a model file can name one of these and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.models.convnet import ConvNetConfig, convnet
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig, efficientnet_lite
from kenspeckle.models.hf import HfConfig, hf_network
from kenspeckle.models.layers import Scale
from kenspeckle.models.mlp import MlpConfig, mlp
from kenspeckle.models.resnet import ResNetConfig, resnet
from kenspeckle.models.timm_models import TimmConfig, timm_network

ModelConfig = (
    ConvNetConfig | EfficientNetLiteConfig | HfConfig | MlpConfig | ResNetConfig | TimmConfig
)

MODELS: dict[str, Callable[..., nn.Module]] = {
    "convnet": convnet,
    "efficientnet-lite": efficientnet_lite,
    "hf": hf_network,
    "mlp": mlp,
    "resnet": resnet,
    "timm": timm_network,
}
MAX_PARAMETERS = 1_000_000_000


def build_model(
    config: ModelConfig,
    *,
    shape: tuple[int, int, int],
    outputs: int,
    mean_image: bool = False,
) -> nn.Module:
    """The network of `config` for pictures of `shape` (C, H, W), weights as torch leaves them.

    With `mean_image` there is room for a mean of every pixel instead of every channel.
    Raises `ConfigError` where it would have over a thousand million parameters.
    """
    sketch = outline(config, shape=shape, outputs=outputs)
    count = sum(parameter.numel() for parameter in sketch.parameters())
    if count > MAX_PARAMETERS:
        raise ConfigError(
            f"model {config.name} would have {count:,} parameters (at most 1,000 million)"
        )
    # torch draws weights as it makes layers; the caller's own random numbers stay as they were
    with torch.random.fork_rng(devices=[]):
        return _build(config, shape, outputs, mean_image)


def outline(
    config: ModelConfig,
    *,
    shape: tuple[int, int, int],
    outputs: int,
    mean_image: bool = False,
) -> nn.Module:
    """The network without memory for its weights, for its names and shapes."""
    with torch.device("meta"):
        return _build(config, shape, outputs, mean_image)


def _build(
    config: ModelConfig, shape: tuple[int, int, int], outputs: int, mean_image: bool
) -> nn.Module:
    network = MODELS[config.name](config, shape=shape, outputs=outputs)
    if mean_image:
        for scale in (module for module in network.modules() if isinstance(module, Scale)):
            scale.use_mean_image(shape)
    return network
