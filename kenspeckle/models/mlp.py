"""Dense networks on raw pixels: softmax regression is the one without hidden layers."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import nn

from kenspeckle.models.layers import ACTIVATIONS, ActivationName, Dropout, Scale


@dataclass(frozen=True, kw_only=True)
class MlpConfig:
    """Hidden layers by their widths; none makes softmax regression (seed document 001)."""

    name: Literal["mlp"] = "mlp"
    hidden: tuple[int, ...] = (300,)
    activation: ActivationName = "relu"
    norm: Literal["before", "after", "none"] = "none"  # batch norm and the activation
    dropout: float = 0.0  # share of each hidden layer that is zeroed in training

    def __post_init__(self) -> None:
        if any(not 1 <= width <= 65536 for width in self.hidden) or len(self.hidden) > 100:
            raise ValueError(f"hidden must be at most 100 widths in 1..65536, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


def mlp(config: MlpConfig, *, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, outputs); `shape` is (C, H, W)."""
    layers: list[tuple[str, nn.Module]] = [("scale", Scale(shape[0])), ("flatten", nn.Flatten())]
    inputs = math.prod(shape)
    for number, width in enumerate(config.hidden, start=1):
        norm = [(f"norm{number}", nn.BatchNorm1d(width))]
        layers.append((f"dense{number}", nn.Linear(inputs, width)))
        layers += norm if config.norm == "before" else []
        layers.append((f"activation{number}", ACTIVATIONS[config.activation]()))
        layers += norm if config.norm == "after" else []
        layers += [(f"dropout{number}", Dropout(config.dropout))] if config.dropout else []
        inputs = width
    layers.append(("head", nn.Linear(inputs, outputs)))
    return nn.Sequential(OrderedDict(layers))
