"""The network of "Deep MNIST for experts" (seed document 001), to the letter."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import nn

from kenspeckle.models.layers import Dropout, Scale


@dataclass(frozen=True, kw_only=True)
class DeepMnistConfig:
    """Two convolutions of 5 x 5, each with ReLU and 2 x 2 max pooling, and a dense layer."""

    name: Literal["deep-mnist"] = "deep-mnist"
    widths: tuple[int, ...] = (32, 64)  # output channels of the two convolutions
    hidden: int = 1024
    dropout: float = 0.5  # share of the dense layer that is zeroed in training

    def __post_init__(self) -> None:
        if len(self.widths) != 2 or any(not 1 <= width <= 4096 for width in self.widths):
            raise ValueError(f"widths must be two numbers in 1..4096, got {self.widths}")
        if not 1 <= self.hidden <= 65536:
            raise ValueError(f"hidden must be in 1..65536, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


def deep_mnist(config: DeepMnistConfig, *, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, K) logits; `shape` is (C, H, W)."""
    channels, height, width = shape
    first, second = config.widths
    # pooling keeps an odd edge, as "SAME" padding does in the document
    flat = second * -(-height // 4) * -(-width // 4)
    layers: list[tuple[str, nn.Module]] = [
        ("scale", Scale(channels)),
        ("convolution1", nn.Conv2d(channels, first, 5, padding=2)),
        ("activation1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2, ceil_mode=True)),
        ("convolution2", nn.Conv2d(first, second, 5, padding=2)),
        ("activation2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2, ceil_mode=True)),
        ("flatten", nn.Flatten()),
        ("dense", nn.Linear(flat, config.hidden)),
        ("activation3", nn.ReLU()),
        ("dropout", Dropout(config.dropout)),
        ("head", nn.Linear(config.hidden, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))
