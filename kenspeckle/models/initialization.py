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
    "dirac",
    "he",
    "normal",
    "orthogonal",
    "truncated-normal",
    "uniform",
    "variance-scaling",
    "xavier",
    "zeros",
]
Initializer = Callable[[Tensor, float, torch.Generator], object]

_CUT_DEVIATION = 0.87962566  # of a standard normal without what is beyond two deviations

INITIALIZERS: dict[str, Initializer] = {
    # each output starts as the input of its own number, as far as there is one
    "dirac": lambda weight, scale, draws: (
        nn.init.dirac_(weight) if weight.ndim == 4 else nn.init.eye_(weight)
    ).mul_(scale),
    # within 1 / sqrt(fan in), as torch starts its layers (LeCun et al. 1998, "Efficient BackProp")
    "uniform": lambda weight, scale, draws: nn.init.kaiming_uniform_(
        weight, a=math.sqrt(5), generator=draws
    ).mul_(scale),
    # He et al. 2015, "Delving deep into rectifiers"
    "he": lambda weight, scale, draws: nn.init.kaiming_normal_(
        weight, nonlinearity="relu", generator=draws
    ).mul_(scale),
    # the same in a normal that is cut at two deviations, as seed documents 000 and 003 start
    "variance-scaling": lambda weight, scale, draws: _truncated(
        weight, scale * math.sqrt(2 / fan_in(weight)) / _CUT_DEVIATION, draws
    ),
    # Glorot and Bengio 2010
    "xavier": lambda weight, scale, draws: nn.init.xavier_uniform_(
        weight, gain=scale, generator=draws
    ),
    "truncated-normal": lambda weight, scale, draws: _truncated(weight, scale, draws),
    "normal": lambda weight, scale, draws: nn.init.normal_(weight, std=scale, generator=draws),
    # Saxe et al. 2014
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
    # of the last layer; "same" = as all others. Seed document 003 starts it as Glorot and Bengio
    head: Literal[InitializerName, "same"] = "same"
    bias: float = 0.0  # mean of every bias
    bias_deviation: float = 0.0  # of a normal distribution around it

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale must be above 0, got {self.scale}")
        if not math.isfinite(self.bias):
            raise ValueError(f"bias must be finite, got {self.bias}")
        if not 0 <= self.bias_deviation < math.inf:
            raise ValueError(f"bias_deviation must be 0 or more, got {self.bias_deviation}")


def initialize(network: nn.Module, config: InitializationConfig, *, seed: int) -> None:
    """Fill the weights of `network` in place; a function of `seed` and the order of its layers."""
    draws = generator(seed, "initialization")
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            is_head = layer is layers[-1] and config.head != "same"
            name, scale = (config.head, 1.0) if is_head else (config.name, config.scale)
            INITIALIZERS[name](layer.weight, scale, draws)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, config.bias)
            if layer.bias is not None and config.bias_deviation:
                nn.init.normal_(layer.bias, config.bias, config.bias_deviation, generator=draws)


def fan_in(weight: Tensor) -> int:
    """How many inputs each output of `weight` (outputs, inputs, ...) sums over."""
    return weight[0].numel()


def _truncated(weight: Tensor, scale: float, draws: torch.Generator) -> object:
    return nn.init.trunc_normal_(weight, std=scale, a=-2 * scale, b=2 * scale, generator=draws)
