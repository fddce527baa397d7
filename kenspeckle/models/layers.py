"""Layers that torch lacks or that must behave in our way: keyed randomness, input scaling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.device import generator
from kenspeckle.errors import ConfigError

ActivationName = Literal["relu", "leaky-relu", "elu", "gelu", "silu", "tanh", "sigmoid"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Scale(nn.Module):
    """Turn pixels of 0..255 into numbers around zero, by a mean and a deviation.

    The statistics are buffers, so they travel in the model file and inside exported graphs.
    """

    mean: Tensor  # (C, 1, 1), or (C, H, W) for a mean image
    deviation: Tensor  # (C, 1, 1)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("deviation", torch.full((channels, 1, 1), 255.0))

    def use_mean_image(self, shape: tuple[int, int, int]) -> None:
        """Make room for a mean of every pixel, (C, H, W)."""
        self.mean = torch.zeros(shape, device=self.mean.device)

    def learn(self, parts: Iterable[NDArray[np.uint8]]) -> None:
        """Take the statistics of all `parts` (n, H, W, C); constant channels get deviation 1."""
        # in float64 by counting values: exact, and 20 times less memory than doubles
        channels = len(self.deviation)
        counts = torch.zeros(channels, 256, dtype=torch.float64)
        sums: Tensor | int = 0
        number = 0
        for part in parts:
            images = torch.from_numpy(part).permute(0, 3, 1, 2)
            for channel in range(channels):
                counts[channel] += torch.bincount(images[:, channel].flatten(), minlength=256)
            if self.mean.shape[1:] != (1, 1):
                sums = sums + images.sum(dim=0, dtype=torch.int64)
            number += len(images)
        values = torch.arange(256, dtype=torch.float64)
        mean = (counts * values).sum(dim=1) / counts.sum(dim=1)
        variance = (counts * (values - mean[:, None]) ** 2).sum(dim=1) / counts.sum(dim=1)
        self.deviation.copy_(torch.where(variance > 0, variance.sqrt(), 1.0)[:, None, None])
        if isinstance(sums, Tensor):
            self.mean.copy_(sums.double() / number)
        else:
            self.mean.copy_(mean[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        mean, deviation = self.mean, self.deviation
        if images.shape[1] > 1 and images.is_contiguous(memory_format=torch.channels_last):
            mean, deviation = _along(images, mean), _along(images, deviation)
        return (images - mean).div_(deviation)  # in place: one large tensor less


def _along(images: Tensor, values: Tensor) -> Tensor:
    """(C, 1, 1) repeated along the rows of `images` whose channels are innermost.

    Loops over 3 channels are a third as fast as loops over a row.
    """
    if values.shape != (images.shape[1], 1, 1):
        return values
    row = values[None].expand(1, -1, 1, images.shape[3])
    return row.contiguous(memory_format=torch.channels_last)


def learn_scaling(network: nn.Module, parts: Iterable[NDArray[np.uint8]]) -> None:
    """Let the `Scale` of `network` take the statistics of uint8 pictures, `parts` (n, H, W, C)."""
    for scale in (module for module in network.modules() if isinstance(module, Scale)):
        return scale.learn(parts)  # a network has one, at its beginning


def pass_numbers(network: nn.Module) -> None:
    """Let the `Scale` of `network` leave what it gets as it is: numbers around zero already."""
    for scale in (module for module in network.modules() if isinstance(module, Scale)):
        scale.mean.zero_()
        scale.deviation.fill_(1.0)


class FixedScale(Scale):
    """The scaling that belongs to pretrained weights: no data set changes it.

    A picture of one channel becomes one of as many channels as there are means.
    """

    def __init__(self, *, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__(len(mean))
        self.mean.copy_(torch.tensor(mean)[:, None, None])
        self.deviation.copy_(torch.tensor(deviation)[:, None, None])

    def use_mean_image(self, shape: tuple[int, int, int]) -> None:
        """Refuse: raises `ConfigError`."""
        raise ConfigError(
            "preprocess.scaling=mean-image does not go with a pretrained network, "
            "which has its own scaling; use standard"
        )

    def learn(self, parts: Iterable[NDArray[np.uint8]]) -> None:
        """Nothing: the weights expect what they were trained with."""


class Crop(nn.Module):
    """Without `edge` pixels on each side: (N, C, H, W) to (N, C, H - 2 edge, W - 2 edge)."""

    def __init__(self, edge: int) -> None:
        super().__init__()
        self.edge = edge

    def forward(self, images: Tensor) -> Tensor:
        """A view: nothing is copied."""
        height, width = images.shape[-2:]
        return images[..., self.edge : height - self.edge, self.edge : width - self.edge]


class Add(nn.Module):
    """Two branches become one; a layer, so that the drawing of the network shows it."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Their sum, of the same shape."""
        return one + other


class GlobalMax(nn.Module):
    """The largest activation of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, features: Tensor) -> Tensor:
        """Equal to `nn.AdaptiveMaxPool2d(1)`, and faster."""
        return features.amax(dim=(2, 3))


class GlobalMean(nn.Module):
    """The mean activation of each channel: (N, C, H, W) to (N, C)."""

    def forward(self, features: Tensor) -> Tensor:
        """Equal to `nn.AdaptiveAvgPool2d(1)`, without its extra axes."""
        return features.mean(dim=(2, 3))


class Dropout(nn.Module):
    """`nn.Dropout` that draws from its own generator, which `reseed` keys to the step."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator = torch.Generator()

    def forward(self, features: Tensor) -> Tensor:
        """Zero a share `rate` of `features` and scale up the rest; nothing in evaluation."""
        if not self.training or self.rate == 0:
            return features
        kept = torch.empty_like(features, dtype=torch.float32)
        kept.bernoulli_(1 - self.rate, generator=self.generator)
        return features * kept.to(features.dtype) / (1 - self.rate)


def keep_statistics(network: nn.Module) -> None:
    """Let batch norms keep what they know, in training too: few pictures would spoil it."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_buffer("kept", torch.ones(()), persistent=False)


def to_training(network: nn.Module) -> None:
    """`network.train()`, but for batch norms of which `keep_statistics` was asked."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and hasattr(module, "kept"):
            module.eval()


def use_channels_last(network: nn.Module) -> None:
    """Lay out the weights of convolutions as the kernels like them: channels innermost."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            weight = module.weight.data
            module.weight.data = weight.contiguous(memory_format=torch.channels_last)


def reseed(network: nn.Module, *key: int | str) -> None:
    """Key every random layer of `network`, so that a step repeats whatever came before it."""
    layers = [module for module in network.modules() if isinstance(module, Dropout)]
    for position, layer in enumerate(layers):
        device = next(network.parameters()).device
        layer.generator = generator(*key, position, device=device)
