"""Differences between two configurations, one for each seed, with their mean and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.style import COLOURS, FAINT, INK, SMALL, USUAL, chart

if TYPE_CHECKING:
    from kenspeckle.standing import Standing

_ROW, _FRAME = 0.62, 0.75  # inches
_VERDICTS = {"better": COLOURS[2], "worse": COLOURS[1], "not distinguishable": FAINT}


def seed_differences(standing: Standing) -> Figure:
    """A row for each pair: a dot for each seed, a bar for the interval of the mean."""
    rows = len(standing.pairs)
    figure, axes = chart(height=_FRAME + _ROW * max(rows, 1.4))
    for row, pair in enumerate(standing.pairs):
        found, below = pair.comparison, -float(row)
        colour = _VERDICTS[found.verdict]
        values = found.differences * 100
        axes.plot([0, 0], [below - 0.4, below + 0.28], color=INK, linewidth=0.8)
        places = below + 0.05 + 0.18 * np.linspace(-1, 1, len(values)) if len(values) > 1 else below
        axes.plot(
            values, places, "o", markersize=4, color=COLOURS[0], alpha=0.75, markeredgewidth=0
        )
        if found.interval:
            ends = [found.interval.low * 100, found.interval.high * 100]
            axes.plot(ends, [below - 0.27] * 2, color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot([found.difference * 100], [below - 0.27], "D", markersize=5, color=colour)
        axes.annotate(
            f"{shown(pair.second, 24)} against {shown(pair.first, 24)}: {found.verdict}",
            (0, below + 0.33),
            xycoords=("axes fraction", "data"),
            fontsize=SMALL,
            color=INK,
            va="bottom",
            **PLAIN,
        )
    axes.set_ylim(-rows + 1 - 0.5, 0.68)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    kind = "95 % interval" if rows == 1 else "interval at Holm's level"
    axes.set_xlabel(
        f"points of {standing.split} accuracy; dots: {standing.seeds} seeds, bar: {kind}",
        fontsize=USUAL,
    )
    return figure
