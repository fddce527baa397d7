"""The closed list of architectures; a model file can name one of these and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.models.convnet import ConvNetConfig, convnet
from kenspeckle.models.deep_mnist import DeepMnistConfig, deep_mnist
from kenspeckle.models.mlp import MlpConfig, mlp

ModelConfig = ConvNetConfig | DeepMnistConfig | MlpConfig

MODELS: dict[str, Callable[..., nn.Module]] = {
    "convnet": convnet,
    "deep-mnist": deep_mnist,
    "mlp": mlp,
}
MAX_PARAMETERS = 1_000_000_000


def build_model(config: ModelConfig, *, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network of `config` for pictures of `shape` (C, H, W), weights as torch leaves them.

    The global random state of torch is afterwards what it was.
    Raises `ConfigError` where it would have over a thousand million parameters.
    """
    sketch = outline(config, shape=shape, classes=classes)
    count = sum(parameter.numel() for parameter in sketch.parameters())
    if count > MAX_PARAMETERS:
        raise ConfigError(
            f"model {config.name} would have {count:,} parameters (at most 1,000 million)"
        )
    with torch.random.fork_rng(devices=[]):  # torch's layers draw their first weights from it
        return MODELS[config.name](config, shape=shape, classes=classes)


def outline(config: ModelConfig, *, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network without memory for its weights, for its names and shapes."""
    with torch.device("meta"):
        return MODELS[config.name](config, shape=shape, classes=classes)
