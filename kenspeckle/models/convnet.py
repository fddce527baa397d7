"""Plain convolutional networks: convolution, pooling, batch norm, activation; then a head."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.models.layers import ACTIVATIONS, ActivationName, Crop, GlobalMax, Scale


@dataclass(frozen=True, kw_only=True)
class ConvNetConfig:
    """One block for each width; the defaults are the network of the recipe `swift`."""

    name: Literal["convnet"] = "convnet"
    crop: int = 0  # pixels along the border that it does not look at, which costs nothing on digits
    widths: tuple[int, ...] = (16, 32, 64, 64)  # output channels of each convolution
    kernels: tuple[int, ...] = (5, 3, 3, 3)  # sides of the filters
    paddings: tuple[int, ...] = (0, 1, 1, 0)  # zeros on each side; 0 shrinks the map and costs less
    pools: tuple[int, ...] = (2, 2, 1, 1)  # sides of the max pooling after each; 1 = none
    activation: ActivationName = "relu"

    def __post_init__(self) -> None:
        limits = {"widths": (1, 4096), "kernels": (1, 15), "paddings": (0, 7), "pools": (1, 8)}
        if not 0 <= self.crop <= 1024:
            raise ValueError(f"crop must be in 0..1024, got {self.crop}")
        lengths = {name: len(getattr(self, name)) for name in limits}
        if len(set(lengths.values())) > 1 or not 1 <= len(self.widths) <= 100:
            raise ValueError(
                f"widths, kernels, paddings and pools must be equally long, got {lengths}"
            )
        for name, (low, high) in limits.items():
            if any(not low <= value <= high for value in getattr(self, name)):
                raise ValueError(f"{name} must be in {low}..{high}, got {getattr(self, name)}")


def convnet(config: ConvNetConfig, *, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """(N, C, H, W) pixels to (N, K) logits; `shape` is (C, H, W).

    Raises `ConfigError` where the picture is too small for the kernels and pools.
    """
    inputs = shape[0]
    sides = [side - 2 * config.crop for side in shape[1:]]
    blocks: list[tuple[str, nn.Module]] = [("crop", Crop(config.crop))] if config.crop else []
    blocks.append(("scale", Scale(inputs)))
    settings = zip(config.widths, config.kernels, config.paddings, config.pools, strict=True)
    for number, (outputs, kernel, padding, pool) in enumerate(settings, start=1):
        sides = [(side + 2 * padding - kernel + 1) // pool for side in sides]
        if min(sides) < 1:
            raise ConfigError(
                f"pictures of {shape[1]} x {shape[2]} are too small for block {number} of model "
                "convnet; raise preprocess.least or use fewer blocks"
            )
        block = _block(inputs, outputs, kernel, padding, pool, config.activation)
        blocks.append((f"block{number}", block))
        inputs = outputs
    blocks += [("pool", GlobalMax()), ("head", nn.Linear(inputs, classes))]
    return nn.Sequential(OrderedDict(blocks))


def _block(
    inputs: int, outputs: int, kernel: int, padding: int, pool: int, activation: str
) -> nn.Module:
    layers: list[tuple[str, nn.Module]] = [
        # batch norm adds its own bias
        ("convolution", nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)),
        # before batch norm and activation, which then touch a quarter of the memory
        ("pool", nn.MaxPool2d(pool)),
        ("norm", nn.BatchNorm2d(outputs)),
        ("activation", ACTIVATIONS[activation]()),
    ]
    return nn.Sequential(OrderedDict(layers if pool > 1 else [layers[0], *layers[2:]]))
