"""How much each pixel matters to an answer, by six methods.

Each gives (N, C, H, W) or (N, 1, H, W) for pixels of 0..255, in units of the output of the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kenspeckle.device import generator
from kenspeckle.errors import ConfigError
from kenspeckle.explain.layers import captured
from kenspeckle.explain.maps import as_maps, last_maps
from kenspeckle.explain.subject import Subject
from kenspeckle.models.layers import Scale

Filling = Literal["black", "mean", "white"]  # mean: what the network's first layer takes for zero


@dataclass(frozen=True, kw_only=True)
class SaliencyConfig:
    """Settings of all methods; the defaults are those of the papers where they name one."""

    baseline: Filling = "black"  # where integrated gradients start
    steps: int = 50  # of integrated gradients, by the rule of Gauss and Legendre
    samples: int = 25  # noisy copies for the smoothed gradient
    noise: float = 0.15  # their deviation, as a share of the range of the picture
    seed: int = 0  # of the noise
    layer: str = ""  # of Grad-CAM; without a name the last one with maps
    cover: Filling = "mean"  # what occlusion hides pixels with
    window: float = 0.2  # side of what it hides, as a share of the shorter side of the picture
    stride: float = 0.5  # from one place to the next, as a share of the window

    def __post_init__(self) -> None:
        for name, high in (("steps", 10_000), ("samples", 10_000)):
            if not 1 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in 1..{high}, got {getattr(self, name)}")
        if not 0 < self.noise <= 10:
            raise ValueError(f"noise must be above 0 and at most 10, got {self.noise}")
        for name in ("window", "stride"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Question:
    """Why does the network give these outputs for these pictures?"""

    about: Subject  # in evaluation mode
    pixels: Tensor  # (N, C, H, W), 0..255
    targets: Tensor  # (N,) of int64
    config: SaliencyConfig


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to answer a `Question`, and how its answer becomes one map for each picture."""

    attribute: Callable[[Question], Tensor]
    channels: Literal["sum", "largest"]  # of a signed amount, or of absolute values
    about: str  # what a high value means

    @property
    def signed(self) -> bool:
        """Whether values below zero speak against the class."""
        return self.channels == "sum"


def gradient(question: Question) -> Tensor:
    """How fast the output grows with each pixel (Simonyan 2014)."""
    return slopes(question.about, question.pixels, question.targets)


def gradient_x_input(question: Question) -> Tensor:
    """The gradient times the pixel: a black pixel counts for nothing."""
    return gradient(question) * question.pixels


def smooth_gradient(question: Question) -> Tensor:
    """The mean gradient around each picture (Smilkov 2017)."""
    pixels, config = question.pixels, question.config
    span = pixels.amax(dim=(1, 2, 3), keepdim=True) - pixels.amin(dim=(1, 2, 3), keepdim=True)
    draws = generator(config.seed, "smooth gradient")
    total = torch.zeros_like(pixels)
    for _ in range(config.samples):
        noise = torch.randn(pixels.shape, generator=draws).to(pixels.device)
        total += slopes(question.about, pixels + noise * span * config.noise, question.targets)
    return total / config.samples


def integrated_gradients(question: Question) -> Tensor:
    """The gradients on the way from the baseline, times that way (Sundararajan 2017).

    Their sum is the difference between the outputs at both ends, up to the error of `steps`.
    """
    pixels, config = question.pixels, question.config
    start = filled(question.about, pixels, config.baseline)
    points, weights = np.polynomial.legendre.leggauss(config.steps)
    total = torch.zeros_like(pixels)
    together = max(1, _chunk(pixels) // len(pixels))
    for first in range(0, config.steps, together):
        along = torch.from_numpy((points[first : first + together] + 1) / 2).to(pixels)
        share = torch.from_numpy(weights[first : first + together] / 2).to(pixels)
        way = start + along.view(-1, 1, 1, 1, 1) * (pixels - start)
        found = slopes(question.about, way.flatten(0, 1), question.targets.repeat(len(along)))
        total += (found.view_as(way) * share.view(-1, 1, 1, 1, 1)).sum(dim=0)
    return total * (pixels - start)


def grad_cam(question: Question) -> Tensor:
    """The maps of a layer, weighted by how much the output gains from each (Selvaraju 2017).

    They are stretched over the whole picture, as in the paper.
    """
    pixels, network = question.pixels, question.about.network
    layer = question.config.layer or last_maps(network, pixels[:1])
    picture = (pixels.shape[2], pixels.shape[3])
    parts = []
    for first in range(0, len(pixels), _chunk(pixels)):
        part = pixels[first : first + _chunk(pixels)].clone().requires_grad_()
        with captured(network, [layer]) as found:
            targets = question.targets[first : first + len(part)]
            score = question.about.scores(part, targets).sum()
        maps = as_maps(found[layer], picture, count=len(part)) if layer in found else None
        if maps is None:
            raise ConfigError(f"layer {layer!r} gives no maps; grad-cam needs one that does")
        (slope,) = torch.autograd.grad(score, found[layer], allow_unused=True)
        gains = None if slope is None else as_maps(slope, picture, count=len(part))
        if gains is None:
            raise ConfigError(f"no answer depends on layer {layer!r}; name another for grad-cam")
        weighted = (maps.detach() * gains.mean(dim=(2, 3), keepdim=True)).sum(dim=1, keepdim=True)
        parts.append(F.interpolate(weighted.relu(), picture, mode="bilinear", align_corners=False))
    return torch.cat(parts)


def occlusion(question: Question) -> Tensor:
    """How much the output falls when a square is hidden (Zeiler and Fergus 2014)."""
    pixels, config = question.pixels, question.config
    count, _, height, width = pixels.shape
    side = max(1, round(config.window * min(height, width)))
    step = max(1, round(config.stride * side))
    places = [
        (top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)
    ]
    cover = filled(question.about, pixels, config.cover)
    whole = answers(question.about, pixels, question.targets)
    total, times = pixels.new_zeros(count, 1, height, width), pixels.new_zeros(height, width)
    together = max(1, _chunk(pixels) // count)
    for first in range(0, len(places), together):
        some = places[first : first + together]
        hidden = pixels.repeat(len(some), 1, 1, 1, 1)
        for number, (top, left) in enumerate(some):
            hidden[number, ..., top : top + side, left : left + side] = cover[
                ..., top : top + side, left : left + side
            ]
        given = answers(question.about, hidden.flatten(0, 1), question.targets.repeat(len(some)))
        for (top, left), falls in zip(some, whole - given.view(len(some), count), strict=True):
            total[..., top : top + side, left : left + side] += falls.view(-1, 1, 1, 1)
            times[top : top + side, left : left + side] += 1
    return total / times


METHODS: dict[str, Method] = {
    "gradient": Method(
        attribute=gradient, channels="largest", about="changing this pixel changes the answer most"
    ),
    "gradient-x-input": Method(
        attribute=gradient_x_input, channels="sum", about="this pixel speaks for the class"
    ),
    "smooth-gradient": Method(
        attribute=smooth_gradient,
        channels="largest",
        about="changing this pixel of pictures like this one changes the answer most",
    ),
    "integrated-gradients": Method(
        attribute=integrated_gradients,
        channels="sum",
        about="this pixel, compared with the baseline, speaks for the class",
    ),
    "grad-cam": Method(
        attribute=grad_cam,
        channels="largest",
        about="what speaks for the class is seen around here",
    ),
    "occlusion": Method(
        attribute=occlusion, channels="sum", about="hiding this place speaks against the class"
    ),
}


def slopes(about: Subject, pixels: Tensor, targets: Tensor) -> Tensor:
    """Gradients of the outputs of `targets` (N,), of the shape of `pixels` (N, C, H, W)."""
    parts = []
    for first in range(0, len(pixels), _chunk(pixels)):
        part = pixels[first : first + _chunk(pixels)].detach().clone().requires_grad_()
        score = about.scores(part, targets[first : first + len(part)]).sum()
        parts.append(torch.autograd.grad(score, part)[0])
    return torch.cat(parts)


def answers(about: Subject, pixels: Tensor, targets: Tensor) -> Tensor:
    """(N,) outputs of `targets` (N,) for `pixels` (N, C, H, W)."""
    size = _chunk(pixels)
    with torch.no_grad():
        parts = [
            about.scores(pixels[first : first + size], targets[first : first + size])
            for first in range(0, len(pixels), size)
        ]
    return torch.cat(parts)


def filled(about: Subject, pixels: Tensor, filling: Filling) -> Tensor:
    """Pictures without content, of the shape of `pixels`.

    Raises `ConfigError` for "mean" where the network has no scale.
    """
    if filling != "mean":
        return torch.full_like(pixels, 0.0 if filling == "black" else 255.0)
    for module in about.network.modules():
        if isinstance(module, Scale):
            mean = module.mean if len(module.mean) == pixels.shape[1] else module.mean.mean(0)[None]
            return mean.to(pixels).expand_as(pixels).clone()
    raise ConfigError("this network has no scale whose mean could be used; use black or white")


def _starts(extent: int, side: int, step: int) -> list[int]:
    """Where windows of `side` begin; the last ones may reach over the border."""
    return [number * step for number in range(math.ceil(max(0, extent - side) / step) + 1)]


def _chunk(pixels: Tensor) -> int:
    """How many pictures go through the network and back together; bounds the memory."""
    return max(4, min(256, 500_000 // (pixels.shape[2] * pixels.shape[3])))
