"""Dense networks on raw pixels: softmax regression is the one without hidden layers."""

from __future__ import annotations

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
    dropout: float = 0.0  # share of each hidden layer that is zeroed in training

    def __post_init__(self) -> None:
        if any(not 1 <= width <= 65536 for width in self.hidden) or len(self.hidden) > 100:
            raise ValueError(f"hidden must be at most 100 widths in 1..65536, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


def mlp(config: MlpConfig, *, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, K) logits; `shape` is (C, H, W)."""
    channels, height, width = shape
    layers: list[nn.Module] = [Scale(channels), nn.Flatten()]
    inputs = channels * height * width
    for outputs in config.hidden:
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[config.activation]()]
        layers += [Dropout(config.dropout)] if config.dropout else []
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
