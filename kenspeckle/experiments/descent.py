"""Optimizers without pictures: a race over a surface, and a matrix inverted step by step.

Seed document 003 (Learn TensorFlow Now 7) and seed document 002 ("Calculating a matrix inverse, the
hard way"), on the optimizers that train the networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.optim import Optimizer
from kenspeckle.optim_config import OptimizerConfig
from kenspeckle.schedule import ScheduleConfig, factor

Surface = Callable[[Tensor], Tensor]  # weights (2,) to a cost ()


@dataclass(frozen=True, kw_only=True)
class Path2:
    """The way of one optimizer over a surface of two weights."""

    name: str
    points: NDArray[np.float64]  # (steps + 1, 2)
    costs: NDArray[np.float64]  # (steps + 1,)


def valley(weights: Tensor) -> Tensor:
    """A long bent valley, steep across and flat along; the lowest point, 0, is at (2.5, 1)."""
    x, y = weights
    cost: Tensor = 0.06 * (x - 2.5) ** 2 + 2.0 * (y - 1 - 0.12 * torch.sin(1.5 * (x - 2.5))) ** 2
    return cost


def race(
    config: OptimizerConfig,
    *,
    surface: Surface = valley,
    start: tuple[float, float] = (-3.0, 2.6),
    steps: int = 120,
    name: str = "",
) -> Path2:
    """Let an optimizer go `steps` steps from `start`, at a constant rate."""
    weights = nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = Optimizer({"weights": weights}, config)
    points, costs = [], []
    for step in range(steps + 1):
        optimizer.zero_grad()
        cost = surface(weights)
        points.append(weights.detach().numpy().copy())
        costs.append(cost.item())
        if step < steps:
            cost.backward()  # type: ignore[no-untyped-call]
            optimizer.step(1.0)
    return Path2(name=name or config.name, points=np.stack(points), costs=np.array(costs))


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """How near X comes to the inverse of A, by gradient descent on the sum of |X A - 1|."""

    matrix: NDArray[np.float64]  # A, (n, n)
    inverse: NDArray[np.float64]  # X, (n, n)
    losses: NDArray[np.float64]  # at the steps `at`
    at: NDArray[np.int64]
    steps: int

    @property
    def residual(self) -> float:
        """The largest entry of |X A - 1|."""
        return float(np.abs(self.inverse @ self.matrix - np.eye(len(self.matrix))).max())


def random_matrix(*, size: int = 10, seed: int = 0) -> NDArray[np.float64]:
    """Whole numbers from 0 to 9, as in the document; not singular for any seed that is used here.

    Raises `ValueError` for a seed whose matrix has no inverse.
    """
    matrix = np.random.default_rng(seed).integers(0, 10, (size, size)).astype(np.float64)
    if np.linalg.matrix_rank(matrix) < size:
        raise ValueError(f"the matrix of seed {seed} has no inverse; use another seed")
    return matrix


def invert(
    matrix: NDArray[np.float64],
    config: OptimizerConfig,
    *,
    steps: int,
    schedule: ScheduleConfig | None = None,
) -> Inversion:
    """Find the inverse of `matrix` (n, n) in `steps` steps from zeros, in float64.

    The gradient of an absolute value never gets smaller, so only a falling rate comes to rest.
    """
    schedule = schedule or ScheduleConfig(name="linear-to-zero", warmup=0.0)
    target = torch.from_numpy(matrix)
    identity = torch.eye(len(matrix), dtype=torch.float64)
    x = nn.Parameter(torch.zeros_like(target))
    optimizer = Optimizer({"x": x}, config)
    at, losses = [], []
    every = max(1, steps // 500)
    for step in range(steps):
        with torch.no_grad():
            difference = x @ target - identity
            x.grad = torch.sign(difference) @ target.T  # of the sum of absolute values
            if step % every == 0:
                at.append(step)
                losses.append(float(difference.abs().sum()))
        optimizer.step(factor(schedule, step / steps))
    return Inversion(
        matrix=matrix,
        inverse=x.detach().numpy().copy(),
        losses=np.array(losses),
        at=np.array(at),
        steps=steps,
    )
