"""Plain convolutional networks: blocks of convolution, pooling, norm and activation; then a head.

From LeNet to VGG: the networks of the tutorials and the fast recipes are settings of this one
(`presets.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.models.layers import (
    ACTIVATIONS,
    ActivationName,
    Crop,
    Dropout,
    GlobalMax,
    GlobalMean,
    Scale,
)

Layers = list[tuple[str, nn.Module]]


@dataclass(frozen=True, kw_only=True)
class ConvNetConfig:
    """One block for each width; the defaults are a small network for any picture of 28 x 28."""

    name: Literal["convnet"] = "convnet"
    crop: int = 0  # pixels along the border that it does not look at, which costs nothing on digits
    pad: int = 0  # zeros around the scaled picture; 2 makes 32 x 32 of 28 x 28
    widths: tuple[int, ...] = (16, 32, 64, 64)  # output channels of each convolution
    kernels: tuple[int, ...] = (5, 3, 3, 3)  # sides of the filters
    paddings: tuple[int, ...] = (0, 1, 1, 0)  # added on each side; 0 shrinks the map and costs less
    pools: tuple[int, ...] = (2, 2, 1, 1)  # sides of the pooling after each; 1 = none
    border: Literal["zeros", "reflect", "replicate"] = "zeros"  # what `paddings` adds
    pooling: Literal["max", "mean"] = "max"
    # pooling first touches a quarter of the memory; last is the order of the textbooks
    pool_at: Literal["first", "last"] = "first"
    norm: Literal["before", "after", "none"] = "before"  # batch norm and the activation
    activation: ActivationName = "relu"
    gather: Literal["max", "mean", "flatten"] = "max"  # from maps to a vector
    hidden: tuple[int, ...] = ()  # widths of dense layers before the last one
    dropout: float = 0.0  # share of the last vector that is zeroed in training

    def __post_init__(self) -> None:
        limits = {"widths": (1, 4096), "kernels": (1, 15), "paddings": (0, 7), "pools": (1, 8)}
        for name in ("crop", "pad"):
            if not 0 <= getattr(self, name) <= 1024:
                raise ValueError(f"{name} must be in 0..1024, got {getattr(self, name)}")
        lengths = {name: len(getattr(self, name)) for name in limits}
        if len(set(lengths.values())) > 1 or not 1 <= len(self.widths) <= 100:
            raise ValueError(
                f"widths, kernels, paddings and pools must be equally long, got {lengths}"
            )
        for name, (low, high) in limits.items():
            if any(not low <= value <= high for value in getattr(self, name)):
                raise ValueError(f"{name} must be in {low}..{high}, got {getattr(self, name)}")
        if any(not 1 <= width <= 65536 for width in self.hidden) or len(self.hidden) > 100:
            raise ValueError(f"hidden must be at most 100 widths in 1..65536, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


def convnet(config: ConvNetConfig, *, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, outputs); `shape` is (C, H, W).

    Raises `ConfigError` where the picture is too small for the kernels and pools.
    """
    inputs = shape[0]
    layers: Layers = [("scale", Scale(inputs))]
    layers += [("crop", Crop(config.crop))] if config.crop else []
    layers += [("pad", nn.ZeroPad2d(config.pad))] if config.pad else []
    sides = _sides(config, shape)
    for number, width in enumerate(config.widths, start=1):
        layers.append((f"block{number}", _block(config, number - 1, inputs, width)))
        inputs = width
    if config.gather == "flatten":
        layers.append(("flatten", nn.Flatten()))
        inputs *= sides[0] * sides[1]
    else:
        layers.append(("pool", GlobalMax() if config.gather == "max" else GlobalMean()))
    for number, width in enumerate(config.hidden, start=1):
        layers.append((f"dense{number}", nn.Linear(inputs, width)))
        layers.append((f"activation{number}", ACTIVATIONS[config.activation]()))
        inputs = width
    layers += [("dropout", Dropout(config.dropout))] if config.dropout else []
    layers.append(("head", nn.Linear(inputs, outputs)))
    return nn.Sequential(OrderedDict(layers))


def _sides(config: ConvNetConfig, shape: tuple[int, int, int]) -> list[int]:
    """Height and width of the maps after the last block."""
    sides = [side - 2 * config.crop + 2 * config.pad for side in shape[1:]]
    settings = zip(config.kernels, config.paddings, config.pools, strict=True)
    for number, (kernel, padding, pool) in enumerate(settings, start=1):
        reflects_too_far = config.border == "reflect" and padding >= min(sides)
        sides = [(side + 2 * padding - kernel + 1) // pool for side in sides]
        if min(sides) < 1 or reflects_too_far:
            raise ConfigError(
                f"pictures of {shape[1]} x {shape[2]} are too small for block {number} of model "
                "convnet; raise preprocess.least or use fewer blocks"
            )
    return sides


def _block(config: ConvNetConfig, index: int, inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(
        inputs,
        outputs,
        config.kernels[index],
        padding=config.paddings[index],
        padding_mode=config.border,
        bias=config.norm != "before",  # batch norm adds its own
    )
    side = config.pools[index]
    pool: Layers = [("pool", nn.MaxPool2d(side) if config.pooling == "max" else nn.AvgPool2d(side))]
    pool = pool if side > 1 else []
    norm: Layers = [("norm", nn.BatchNorm2d(outputs))]
    activation: Layers = [("activation", ACTIVATIONS[config.activation]())]
    rest = {
        "before": norm + activation,
        "after": activation + norm,
        "none": activation,
    }[config.norm]
    rest = pool + rest if config.pool_at == "first" else rest + pool
    return nn.Sequential(OrderedDict([("convolution", convolution), *rest]))
