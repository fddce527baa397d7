"""Optimizers without pictures: the race of two weights, and the matrix inverse."""

from __future__ import annotations

import numpy as np
import torch

from kenspeckle.experiments.descent import Path2, invert, race, random_matrix, valley
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity
from kenspeckle.experiments.plan import Plan
from kenspeckle.figures.lines import lines, paths
from kenspeckle.figures.style import png
from kenspeckle.optim_config import (
    AdadeltaConfig,
    AdagradConfig,
    AdamConfig,
    MuonConfig,
    OptimizerConfig,
    RmspropConfig,
    SgdConfig,
)
from kenspeckle.schedule import ScheduleConfig

RACERS: dict[str, OptimizerConfig] = {
    "SGD": SgdConfig(rate=0.02),
    "momentum": SgdConfig(rate=0.02, momentum=0.95),
    "Nesterov": SgdConfig(rate=0.02, momentum=0.9, nesterov=True),
    "Adagrad": AdagradConfig(rate=0.3),
    "RMSprop": RmspropConfig(rate=0.05),
    "Adam": AdamConfig(name="adam", rate=0.15),
}
INVERTERS: dict[str, OptimizerConfig] = {
    "SGD": SgdConfig(rate=1e-4),
    "momentum": SgdConfig(rate=1e-5, momentum=0.9),
    "Adagrad": AdagradConfig(rate=0.1),
    "Adadelta": AdadeltaConfig(),
    "RMSprop": RmspropConfig(rate=0.003),
    "Adam": AdamConfig(name="adam", rate=0.01),
    "Muon": MuonConfig(rate=0.01),
}
_LOWEST = (2.5, 1.0)  # of the surface
_TARGET = 1e-3  # largest entry of |X A - 1|
_BUDGETS = (1000, 3000, 10_000, 30_000, 100_000)


def optimizers(plan: Plan) -> Outcome:
    """120 steps of each from the same place (seed document 003, Learn TensorFlow Now 7)."""
    found = {name: race(config, name=name) for name, config in RACERS.items()}
    reached = {name: _furthest(path) for name, path in found.items()}
    quantities = tuple(
        Quantity(name=f"{name}: final cost", values=(float(path.costs[-1]),), unit="number",
                 headline=_STORIES.get(name, ""))
        for name, path in found.items()
    )  # fmt: skip
    return Outcome(
        quantities=quantities,
        story=(
            f"After 120 steps gradient descent is still {found['SGD'].costs[-1]:.2g} above the "
            f"lowest point; momentum shoots {reached['momentum']:.1f} beyond it; "
            f"Adam goes {reached['Adam']:.1f} beyond and ends at {found['Adam'].costs[-1]:.1g}."
        ),
        pictures=(
            Picture(
                title="The ways over the surface",
                about="Contours of a bent valley of two weights and the way of each optimizer.",
                png=png(
                    paths(
                        {name: path.points for name, path in found.items()},
                        _heights(),
                        extent=_EXTENT,
                        lowest=_LOWEST,
                    )
                ),
            ),
            Picture(
                title="The cost step by step",
                about="Cost of each optimizer over 120 steps, on a logarithmic scale.",
                png=png(
                    lines(
                        {name: (np.arange(121), path.costs + 1e-9) for name, path in found.items()},
                        x="step",
                        y="cost",
                        scale="log-y",
                    )
                ),
            ),
        ),
        notes=("the surface is ours: the document shows its own as a picture only",),
    )


_STORIES = {"SGD": "very slow", "momentum": "overshoots", "Adam": "a reasonable balance"}
_EXTENT = (-4.0, 5.0, -0.6, 3.2)  # left, right, bottom, top


def _furthest(path: Path2) -> float:
    """How far beyond the lowest point the way went, along the valley."""
    return max(0.0, float(path.points[:, 0].max()) - _LOWEST[0])


def _heights() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    left, right, bottom, top = _EXTENT
    y, x = np.meshgrid(np.linspace(bottom, top, 160), np.linspace(left, right, 240), indexing="ij")
    heights: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = valley(
        torch.from_numpy(np.stack([x, y]))
    ).numpy()
    return heights


def matrix_inverse(plan: Plan) -> Outcome:
    """The document's optimizer to the letter, then the steps that each one needs (002)."""
    matrix = random_matrix(seed=0)
    constant = ScheduleConfig(name="constant")
    steps = 2000 if plan.quick else 100_000
    plan.say("matrix-inverse: the document's optimizer")
    old = invert(matrix, AdagradConfig(rate=0.01), steps=steps, schedule=constant)
    budgets = _BUDGETS[:2] if plan.quick else _BUDGETS
    needed, best = {}, {}
    for name, config in INVERTERS.items():
        plan.say(f"matrix-inverse: {name}")
        for budget in budgets:
            best[name] = invert(matrix, config, steps=budget)
            if best[name].residual < _TARGET:
                needed[name] = budget
                break
    least = min(item.residual for item in best.values())
    steps_needed = tuple(
        Quantity(name=f"{name}: steps until the residual is below {_TARGET:g}", unit="steps",
                 values=(float(needed[name]),) if name in needed else (float("nan"),))
        for name in INVERTERS
    )  # fmt: skip
    quickest = min(needed, key=lambda name: needed[name]) if needed else "none"
    return Outcome(
        quantities=(
            Quantity(name="least residual", values=(least,), unit="number",
                     headline="close to the inverse", most=_TARGET),
            Quantity(name=f"residual of Adagrad 0.01 after {steps:,} steps", unit="number",
                     values=(old.residual,), headline="close to the inverse"),
            *steps_needed,
        ),
        story=(
            f"The document's Adagrad comes within {old.residual:.1g} of the identity; with a rate "
            f"that falls to zero {quickest} is below {_TARGET:g} first. "
            f"The tried lengths are {', '.join(f'{budget:,}' for budget in budgets)} steps."
        ),
        pictures=(
            Picture(
                title="Loss step by step",
                about="Sum of |X A - 1| of each optimizer over its steps, on logarithmic scales.",
                png=png(
                    lines(
                        {
                            "Adagrad, as in the document": (old.at + 1, old.losses),
                            **{name: (item.at + 1, item.losses) for name, item in best.items()},
                        },
                        x="step",
                        y="sum of |X A - 1|",
                        scale="log-log",
                    )
                ),
            ),
        ),
        notes=(f"a matrix of condition number {np.linalg.cond(matrix):.0f}",),
    )  # fmt: skip
