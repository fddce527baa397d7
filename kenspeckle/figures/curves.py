"""The course of a training: loss and accuracy of both splits, on two axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.style import COLOURS, FAINT, HAIR, INK, SMALL, chart, plain

if TYPE_CHECKING:
    from kenspeckle.events import EpochRecord


def curves(epochs: Sequence[EpochRecord]) -> Figure:
    """Loss on the left axis, accuracy on the right one; validation is dashed."""
    figure, left = chart(height=3.1)
    right = left.twinx()
    plain(right)
    right.spines["right"].set_visible(True)
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
        axes.plot(steps, validation, "--", color=colour, label=f"{name}, validation", **style)
        axes.set_ylabel(name, color=colour)
        axes.tick_params(axis="y", colors=colour)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    left.set_xlabel("step")
    left.tick_params(axis="x", colors=FAINT)
    drawn = [*left.get_lines(), *right.get_lines()]
    figure.legend(
        drawn,
        [str(line.get_label()) for line in drawn],
        loc="outside upper center",
        ncols=2,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
    )
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
