"""The course of a training: loss and accuracy of both splits, on two axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.style import COLOURS, FAINT, HAIR, PAPER, chart, name_above, plain

if TYPE_CHECKING:
    from kenspeckle.events import EpochRecord


def curves(
    epochs: Sequence[EpochRecord], *, losses: Sequence[tuple[int, float]] = (), last: int = 0
) -> Figure:
    """Loss on the left axis, accuracy on the right one; validation is dashed.

    `losses` of single steps are drawn faintly; the axis goes to the step `last`, if it is given.
    """
    figure, left = chart(height=3.1)
    right = left.twinx()
    plain(right)
    right.spines["right"].set_visible(True)
    if losses:
        left.plot(*zip(*losses, strict=True), color=COLOURS[1], alpha=0.3, linewidth=0.8)
        # the losses of the first steps would press all others flat
        top = 1.5 * sorted(loss for _, loss in losses)[int(0.95 * len(losses))]
        left.set_ylim(
            0, max([top, *(e.validation_loss for e in epochs), *(e.loss for e in epochs)])
        )
    if last:
        left.set_xlim(0, last * 1.02)
    left.grid(visible=False)
    steps = [epoch.step for epoch in epochs]
    style: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 1.4}
    loss, accuracy = COLOURS[1], COLOURS[0]
    for axes, colour, name, train, validation in (
        (left, loss, "loss", [e.loss for e in epochs], [e.validation_loss for e in epochs]),
        (
            right,
            accuracy,
            "accuracy",
            [e.accuracy for e in epochs],
            [e.validation_accuracy for e in epochs],
        ),
    ):
        axes.plot(steps, train, color=colour, label=f"{name}, train", **style)
        dashed: dict[str, Any] = {"linestyle": "--", "markerfacecolor": PAPER, **style}
        axes.plot(steps, validation, color=colour, label=f"{name}, validation", **dashed)
        axes.set_ylabel(name, color=colour)
        axes.tick_params(axis="y", colors=colour)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    left.set_xlabel("step")
    left.tick_params(axis="x", colors=FAINT)
    named = [*left.get_lines(), *right.get_lines()]
    drawn = [line for line in named if not str(line.get_label()).startswith("_")]
    name_above(figure, {str(line.get_label()): line for line in drawn})
    return figure


def rates(steps: NDArray[Any], values: NDArray[Any]) -> Figure:
    """The learning rate at each of `steps`."""
    figure, axes = chart(height=3.1)
    axes.plot(steps, values, color=COLOURS[2], linewidth=1.4)
    axes.set_ylim(0, float(values.max()) * 1.06 or 1.0)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")
    axes.grid(axis="y", color=HAIR, linewidth=0.6)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    return figure
