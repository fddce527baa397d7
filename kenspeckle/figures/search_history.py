"""The trials of a search in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kenspeckle.figures.style import COLOURS, FAINT, HAIR, chart, name_above

if TYPE_CHECKING:
    from kenspeckle.searching.records import SearchHistory

_NEAR = 3.0  # times the distance from the median to the best: below that, points are at the edge


def search_history(found: SearchHistory) -> Figure:
    """A point for each score, a line of the best so far; what lies far below is at the edge."""
    figure, axes = chart(height=3.1)
    told = [trial for trial in found.trials if trial.score]
    scores = np.array([100 * trial.score.accuracy for trial in told if trial.score])
    numbers = np.array([trial.number for trial in told])
    is_done = np.array([trial.outcome == "done" for trial in told])
    top, usual = scores.max(), np.median(scores[is_done] if is_done.any() else scores)
    floor = top - _NEAR * max(top - usual, 0.1)
    is_below = scores < floor
    heights = np.maximum(scores, floor)
    for chosen, marker, name in (
        (is_done & ~is_below, "o", "trained to its end"),
        (~is_done & ~is_below, "x", "pruned"),
        (is_below, "v", "below the axis"),
    ):
        if chosen.any():
            colour = COLOURS[0] if marker == "o" else FAINT
            axes.plot(
                numbers[chosen], heights[chosen], marker, color=colour, markersize=4.5, label=name
            )
    if is_done.any():
        best = np.maximum.accumulate(np.where(is_done, scores, -np.inf))
        begun = np.isfinite(best)
        axes.step(
            numbers[begun],
            np.maximum(best[begun], floor),
            where="post",
            color=COLOURS[1],
            linewidth=1.4,
            label="best so far",
        )
    axes.set_xlim(0.5, max(trial.number for trial in found.trials) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=HAIR, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("trial")
    axes.set_ylabel("validation accuracy, %")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    name_above(figure)
    return figure
