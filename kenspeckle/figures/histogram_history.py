"""How the numbers of a layer are spread, over the steps of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.style import COLOURS, FAINT, HAIR, SMALL, chart, name_above

if TYPE_CHECKING:
    from kenspeckle.explain.histogram_history import HistogramHistory

# places in LEVELS, from below and from above; bands do not overlap, so that the legend is true
_BANDS = (("98%", 0.2, (0, 1), (5, 6)), ("80%", 0.45, (1, 2), (4, 5)), ("50%", 0.75, (2, 4)))


def histogram_history(found: HistogramHistory) -> Figure:
    """Bands that hold half, 80 % and 98 % of the entries, and their median."""
    figure, axes = chart(height=3.0)
    steps, levels = np.array(found.steps, dtype=float), found.quantiles
    if len(steps) == 1:  # a band needs a width
        steps, levels = np.array([steps[0] - 0.5, steps[0] + 0.5]), levels[[0, 0]]
    axes.axhline(0, color=HAIR, linewidth=0.8)
    for share, alpha, *bands in _BANDS:
        for number, (low, high) in enumerate(bands):
            axes.fill_between(
                steps,
                levels[:, low],
                levels[:, high],
                color=COLOURS[0],
                alpha=alpha,
                linewidth=0,
                label=None if number else share,
            )
    axes.plot(steps, levels[:, 3], color=COLOURS[1], linewidth=1.6, label="median")
    if len(found.steps) < 40:
        axes.plot(steps, levels[:, 3], "o", color=COLOURS[1], markersize=3, clip_on=False)
    axes.set_xlim(steps[0], steps[-1])
    axes.margins(y=0.04)
    axes.set_xlabel("step")
    axes.set_ylabel(shown(f"{found.kind} of {found.layer}", 36), **PLAIN)
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    axes.yaxis.get_offset_text().set(fontsize=SMALL, color=FAINT)
    name_above(figure, columns=4)
    return figure
