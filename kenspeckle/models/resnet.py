"""Residual networks of basic blocks (He et al. 2016), for small pictures and for photographs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from kenspeckle.models.layers import ACTIVATIONS, ActivationName, Add, Dropout, GlobalMean, Scale


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """The defaults are ResNet-18; depths 3, 4, 6, 3 make ResNet-34."""

    name: Literal["resnet"] = "resnet"
    # small: one 3 x 3 convolution, nothing is thrown away; photo: 7 x 7 and pooling, a quarter
    stem: Literal["small", "photo"] = "small"
    widths: tuple[int, ...] = (64, 128, 256, 512)  # channels of each stage
    depths: tuple[int, ...] = (2, 2, 2, 2)  # blocks of each stage
    activation: ActivationName = "relu"
    dropout: float = 0.0  # share of the last vector that is zeroed in training

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.depths) or not 1 <= len(self.widths) <= 10:
            raise ValueError(
                f"widths and depths must be 1 to 10 and equally many, "
                f"got {len(self.widths)} and {len(self.depths)}"
            )
        for name, high in (("widths", 4096), ("depths", 100)):
            if any(not 1 <= value <= high for value in getattr(self, name)):
                raise ValueError(f"{name} must be in 1..{high}, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around which the input goes by: (N, C, H, W) to (N, outputs, ...)."""

    def __init__(self, inputs: int, outputs: int, stride: int, activation: str) -> None:
        super().__init__()
        self.convolution1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.activation1 = ACTIVATIONS[activation]()
        self.convolution2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        self.add = Add()
        self.activation2 = ACTIVATIONS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """Learned change plus what came in."""
        change = self.activation1(self.norm1(self.convolution1(features)))
        change = self.norm2(self.convolution2(change))
        found: Tensor = self.activation2(self.add(change, self.shortcut(features)))
        return found


def resnet(config: ResNetConfig, *, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, outputs); `shape` is (C, H, W)."""
    channels = shape[0]
    inputs = config.widths[0]
    small = config.stem == "small"
    stem = nn.Conv2d(
        channels,
        inputs,
        3 if small else 7,
        stride=1 if small else 2,
        padding=1 if small else 3,
        bias=False,
    )
    layers: list[tuple[str, nn.Module]] = [
        ("scale", Scale(channels)),
        ("convolution", stem),
        ("norm", nn.BatchNorm2d(inputs)),
        ("activation", ACTIVATIONS[config.activation]()),
    ]
    if not small:
        layers.append(("shrink", nn.MaxPool2d(3, stride=2, padding=1)))
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        blocks = []
        for number in range(depth):
            stride = 2 if stage > 0 and number == 0 else 1
            blocks.append(BasicBlock(inputs, width, stride, config.activation))
            inputs = width
        layers.append((f"stage{stage + 1}", nn.Sequential(*blocks)))
    layers.append(("pool", GlobalMean()))
    layers += [("dropout", Dropout(config.dropout))] if config.dropout else []
    layers.append(("head", nn.Linear(inputs, outputs)))
    return nn.Sequential(OrderedDict(layers))
