"""Descent on pictures: pixels, or their frequencies, that make a number as small as possible.

A photograph found by its pixels is noise; found by its frequencies, each weighted as in natural
pictures and with the colours of natural pictures, it has patterns (Olah et al. 2017). Most of its
steps look at a picture of half the side, which costs a quarter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.device import generator

Space = Literal["pixels", "frequencies"]
PHOTO_SIDE = 96  # from this side on pictures are taken for photographs
# directions in which the colours of photographs vary, most first (as in lucid, Olah et al. 2017)
_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))


@dataclass(frozen=True, kw_only=True)
class IdealInputsConfig:
    """How the pictures are found; the defaults are those of seed document 002."""

    l1: float = 0.0  # weight of the sum of all pixels, which are in 0..1
    l2: float = 0.25  # weight of the sum of their squares
    total_variation: float = 0.0  # weight of the sum of all differences between neighbours
    steps: int = 300
    rate: float = 0.05  # of Adam
    jitter: int = 0  # pixels by which the picture is shifted at random in each step
    space: Space = "pixels"  # what is descended on
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("l1", "l2", "total_variation"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 1 <= self.steps <= 100_000:
            raise ValueError(f"steps must be in 1..100000, got {self.steps}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be above 0, got {self.rate}")
        if not 0 <= self.jitter <= 100:
            raise ValueError(f"jitter must be in 0..100, got {self.jitter}")

    @property
    def words(self) -> str:
        """Such as "L2 0.25, jitter 2"."""
        parts = [
            f"{name} {weight:g}"
            for name, weight in (
                ("L1", self.l1),
                ("L2", self.l2),
                ("total variation", self.total_variation),
            )
            if weight
        ] or ["no penalty"]
        parts += [f"jitter {self.jitter}"] if self.jitter else []
        return ", ".join(parts + (["by frequencies"] if self.space == "frequencies" else []))


def usual_config(shape: tuple[int, int, int]) -> IdealInputsConfig:
    """For pictures of (C, H, W): that of the document, but for photographs by frequencies."""
    if min(shape[1:]) < PHOTO_SIDE:
        return IdealInputsConfig()
    return IdealInputsConfig(
        l2=0.0, total_variation=2e-4, steps=40, rate=0.06, jitter=12, space="frequencies"
    )


def descend(
    loss: Callable[[Tensor], Tensor],
    count: int,
    shape: tuple[int, int, int],
    config: IdealInputsConfig,
    device: torch.device,
) -> Tensor:
    """`count` pictures in 0..1, (N, C, H, W), that make `loss`, a sum over pictures, small."""
    draws = generator(config.seed, "ideal inputs")
    if config.space == "pixels":
        # from a grey that is a little uneven, because a flat one may have no gradient
        start = torch.rand(count, *shape, generator=draws).mul_(0.1).to(device)
        return _adam(loss, start, lambda picture: picture, config, draws, clamp=True)
    channels, height, width = shape
    start = torch.randn(count, channels, height, width // 2 + 1, 2, generator=draws).mul_(0.01)
    weights = _natural(height, width).to(device)

    def picture(frequencies: Tensor) -> Tensor:
        spectrum = torch.view_as_complex(frequencies) * weights
        return _coloured(torch.fft.irfft2(spectrum, s=(height, width), norm="ortho"))

    half = replace(config, steps=max(1, 3 * config.steps // 4))
    rest = replace(config, steps=max(1, config.steps - half.steps))
    found = _adam(lambda seen: loss(F.avg_pool2d(seen, 2)), start.to(device), picture, half, draws)
    return picture(_adam(loss, found, picture, rest, draws))


def _adam(
    loss: Callable[[Tensor], Tensor],
    values: Tensor,
    picture: Callable[[Tensor], Tensor],
    config: IdealInputsConfig,
    draws: torch.Generator,
    *,
    clamp: bool = False,
) -> Tensor:
    """Adam on `values`, of which `picture` makes pictures; with `clamp` kept within 0..1."""
    mean, square = torch.zeros_like(values), torch.zeros_like(values)
    for step in range(1, config.steps + 1):
        values = values.detach().requires_grad_()
        made = picture(values)
        seen = made
        if config.jitter:
            span = torch.randint(-config.jitter, config.jitter + 1, (2,), generator=draws)
            seen = torch.roll(made, span.tolist(), dims=(2, 3))
        (gradient,) = torch.autograd.grad(loss(seen) + _penalty(made, config), values)
        with torch.no_grad():
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient * gradient, 0.01)
            change = (mean / (1 - 0.9**step)) / ((square / (1 - 0.99**step)).sqrt() + 1e-8)
            values = values - config.rate * change
            if clamp:
                values = values.clamp(0, 1)
    return values.detach()


def _penalty(pictures: Tensor, config: IdealInputsConfig) -> Tensor:
    """Summed over the pixels of all `pictures` (N, C, H, W)."""
    total = pictures.new_zeros(())
    if config.l1:
        total = total + config.l1 * pictures.abs().sum()
    if config.l2:
        total = total + config.l2 * (pictures * pictures).sum()
    if config.total_variation:
        steps = pictures.diff(dim=2).abs().sum() + pictures.diff(dim=3).abs().sum()
        total = total + config.total_variation * steps
    return total


def _natural(height: int, width: int) -> Tensor:
    """(H, W // 2 + 1): the lower a frequency, the more it counts, as in natural pictures."""
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    # a quarter, as lucid has it: more leaves only the strongest colours
    return 0.25 / torch.hypot(down, across).clamp(min=1 / max(height, width))


def _coloured(planes: Tensor) -> Tensor:
    """(N, C, H, W) in 0..1 of unbounded planes, which for three channels are mixed to colours."""
    if planes.shape[1] == 3:
        directions = torch.tensor(_COLOURS, device=planes.device)
        directions = directions / directions.norm(dim=0).max()
        planes = torch.einsum("nchw,dc->ndhw", planes, directions)
    return planes.sigmoid()


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """`pictures` (N, C, H, W) in 0..1 as (N, H, W, C) of 0..255."""
    return (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


@contextmanager
def held(network: nn.Module) -> Iterator[None]:
    """`network` in evaluation, with gradients, but for its weights; afterwards as it was."""
    state = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    was_training = network.training
    network.eval().requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        network.train(was_training)
        for parameter, required in state:
            parameter.requires_grad_(required)
