"""How weights start: seeded, one choice for all weights and one for all biases of a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from kenspeckle.device import generator

InitializerName = Literal[
    "uniform", "he", "xavier", "truncated-normal", "normal", "orthogonal", "zeros"
]
Initializer = Callable[[Tensor, float, torch.Generator], object]

INITIALIZERS: dict[str, Initializer] = {
    # within 1 / sqrt(fan in), as torch starts its layers (LeCun et al. 1998, "Efficient BackProp")
    "uniform": lambda weight, scale, draws: nn.init.kaiming_uniform_(
        weight, a=math.sqrt(5), generator=draws
    ).mul_(scale),
    "he": lambda weight, scale, draws: nn.init.kaiming_normal_(
        weight, nonlinearity="relu", generator=draws
    ).mul_(scale),
    "xavier": lambda weight, scale, draws: nn.init.xavier_uniform_(
        weight, gain=scale, generator=draws
    ),
    "truncated-normal": lambda weight, scale, draws: nn.init.trunc_normal_(
        weight, std=scale, a=-2 * scale, b=2 * scale, generator=draws
    ),
    "normal": lambda weight, scale, draws: nn.init.normal_(weight, std=scale, generator=draws),
    "orthogonal": lambda weight, scale, draws: nn.init.orthogonal_(
        weight, gain=scale, generator=draws
    ),
    "zeros": lambda weight, scale, draws: nn.init.zeros_(weight),
}


@dataclass(frozen=True, kw_only=True)
class InitializationConfig:
    """The start of all convolutional and dense layers."""

    name: InitializerName = "uniform"
    scale: float = 1.0  # standard deviation for the normals, a factor for the others
    bias: float = 0.0  # every bias

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale must be above 0, got {self.scale}")
        if not math.isfinite(self.bias):
            raise ValueError(f"bias must be finite, got {self.bias}")


def initialize(network: nn.Module, config: InitializationConfig, *, seed: int) -> None:
    """Fill the weights of `network` in place; a function of `seed` and the order of its layers."""
    draws = generator(seed, "initialization")
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            INITIALIZERS[config.name](layer.weight, config.scale, draws)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, config.bias)
