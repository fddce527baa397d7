"""A slice of the loss around the weights that training found (Li et al. 2018).

Two random directions, each filter of them as long as the filter that it changes: without this,
networks with large weights would look flat merely for being large. Biases and norms stay.

Batch norm works with the statistics of the sample at every point, all of it as one batch. The
running ones belong to the weights in the middle and to no others: with them every step aside would
look worse than the network is whose statistics are taken anew. Of fewer than 32 pictures the
statistics say little; there the running ones are kept, and the record says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from kenspeckle.data.batches import Batch
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.device import generator
from kenspeckle.errors import DataError
from kenspeckle.explain.layers import evaluating, pixels
from kenspeckle.figures import loss_surface as drawing
from kenspeckle.figures.drawable import Drawable
from kenspeckle.losses import LossName, loss_of
from kenspeckle.models.heads import Head

_PIXELS = 128 * 28 * 28  # of the sample, by default
_ENOUGH = 32  # pictures whose statistics a batch norm can work with
_LARGE = 96 * 96  # pixels of a picture from which on fewer points are computed


@dataclass(frozen=True, kw_only=True)
class LossSurface(Drawable):
    """The loss on a sample of pictures where weights are moved along two directions."""

    steps: NDArray[np.float64]  # (P,) along both; 1 moves each filter by its own length
    losses: NDArray[np.float64]  # (P, P): rows are steps of the second direction
    line_steps: NDArray[np.float64]  # (L,) along the first direction alone
    line_losses: NDArray[np.float64]  # (L,)
    line_accuracies: NDArray[np.float64]  # (L,) share of the sample
    centre: float  # loss at the solution, batch norm with the statistics of the surface
    running: float  # the same with the running statistics, as in prediction
    pictures: int
    norms: int  # layers of batch norm
    seed: int

    @property
    def rise(self) -> float:
        """How much higher the loss is, on the average, at half the reach from the solution."""
        across, up = np.meshgrid(self.steps, self.steps)
        reach = float(self.steps[-1])
        ring = np.abs(np.hypot(across, up) - reach / 2) <= reach / (len(self.steps) - 1)
        return float(self.losses[ring].mean()) - self.centre

    @property
    def title(self) -> str:
        """What it shows."""
        return "The loss around the solution"

    @property
    def description(self) -> str:
        """How high it lies and how steep it is."""
        reach = float(self.steps[-1])
        text = (
            f"Two random directions (seed {self.seed}) in which a step of 1 changes each filter by "
            f"its own length; loss on {self.pictures:,} fixed pictures. It is {self.centre:.3g} "
            f"at the solution and on the average {self.rise:.3g} higher at a distance of "
            f"{reach / 2:g}."
        )
        if self.norms and self.pictures < _ENOUGH:
            text += (
                " Batch norm keeps its running statistics, because so few pictures have none of "
                "their own; this makes the surface look steeper than it is."
            )
        elif self.norms:
            text += (
                " Batch norm takes its statistics anew at each point; with the running ones the "
                f"loss at the solution is {self.running:.3g}."
            )
        return text

    def figure(self) -> Figure:
        """Contours with the solution, and the line through it."""
        return drawing.loss_surface(self)


def loss_surface(
    network: nn.Module,
    dataset: Dataset,
    head: Head,
    loss: LossName = "cross-entropy",
    *,
    points: int = 0,
    most: int = 0,
    reach: float = 1.0,
    seed: int = 0,
) -> LossSurface:
    """Around the present weights, on at most `most` pictures of `dataset`, evenly chosen.

    `points` along each direction are odd, 0 for 15, or 7 of photographs; `most` of 0 is 128, or 16
    photographs. Weights and statistics are never written to. Raises `DataError` for settings
    that make no surface.
    """
    area = math.prod(dataset.images.shape[1:3])
    points = points or (7 if area >= _LARGE else 15)
    most = most or max(16, min(128, _PIXELS // area))
    if points < 3 or points % 2 == 0:
        raise DataError(f"points must be odd and at least 3, got {points}")
    if not 0 < reach < float("inf"):
        raise DataError(f"reach must be above 0, got {reach}")
    if min(most, len(dataset)) < 2:
        raise DataError(f"a surface needs at least 2 pictures, got {min(most, len(dataset))}")
    chosen = dataset.take(evenly(len(dataset), most))
    device = next(network.parameters()).device
    batch = Batch(
        pixels(np.asarray(chosen.images[:]), network), torch.from_numpy(chosen.labels).to(device)
    )
    first, second = (_direction(network, seed, number) for number in range(2))
    steps = np.linspace(-reach, reach, points)
    line = np.linspace(-reach, reach, 2 * points - 1)
    with torch.no_grad(), evaluating(network):
        running, _ = _measured(network, batch, head, loss, {})
        with _own_statistics(network, wanted=len(chosen) >= _ENOUGH) as norms:

            def at(across: float, up: float) -> tuple[float, float]:
                moved = {
                    name: weight + across * first[name] + up * second[name]
                    for name, weight in network.named_parameters()
                    if name in first
                }
                return _measured(network, batch, head, loss, moved)

            losses = _grid(at, steps)
            along = [at(float(step), 0.0) for step in line]
    return LossSurface(
        steps=steps,
        losses=losses,
        line_steps=line,
        line_losses=np.array([value for value, _ in along]),
        line_accuracies=np.array([share for _, share in along]),
        centre=float(losses[points // 2, points // 2]),
        running=running,
        pictures=len(chosen),
        norms=norms,
        seed=seed,
    )


def _grid(
    at: Callable[[float, float], tuple[float, float]], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.array([[at(float(across), float(up))[0] for across in steps] for up in steps])


def _direction(network: nn.Module, seed: int, number: int) -> dict[str, Tensor]:
    """A random step for each matrix and filter bank, each row as long as that of the weights."""
    draws = generator(seed, number, "loss surface")
    found = {}
    for name, weight in network.named_parameters():
        if weight.ndim < 2:
            continue
        step = torch.randn(weight.shape, generator=draws).to(weight)
        axes = tuple(range(1, weight.ndim))
        lengths = torch.linalg.vector_norm(weight.detach(), dim=axes, keepdim=True)
        own = torch.linalg.vector_norm(step, dim=axes, keepdim=True)
        found[name] = step * (lengths / own.clamp(min=1e-12))
    return found


def _measured(
    network: nn.Module, batch: Batch, head: Head, loss: LossName, moved: dict[str, Tensor]
) -> tuple[float, float]:
    """Loss and accuracy with `moved` in the place of weights; writes to copies of buffers only."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    said = functional_call(network, {**moved, **buffers}, (batch.images,)).float()
    right = head.logits(said).argmax(dim=1) == batch.labels
    return loss_of(loss, head, said, batch).item(), float(right.float().mean())


@contextmanager
def _own_statistics(network: nn.Module, *, wanted: bool) -> Iterator[int]:
    """If `wanted`, batch norms take the statistics of what they see; gives how many there are."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    before = [norm.training for norm in norms]
    for norm in norms:
        norm.training = wanted
    try:
        yield len(norms)
    finally:
        for norm, was_training in zip(norms, before, strict=True):
            norm.training = was_training
