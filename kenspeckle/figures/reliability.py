"""The reliability curve: how often answers of each probability are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, HAIR, plain

if TYPE_CHECKING:
    from kenspeckle.evaluation.calibration import Calibration


def reliability(found: Calibration) -> Figure:
    """Share of right answers over their probability with 95 % intervals; below, how many."""
    figure = Figure(figsize=(COLUMN, 4.1), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    plain(upper)
    plain(lower)
    filled = found.count > 0
    said, right = found.confidence[filled], found.accuracy[filled]
    intervals = [interval for interval in found.intervals if interval]
    below = right - [interval.low for interval in intervals]
    above = np.array([interval.high for interval in intervals]) - right
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (2, 3)))
    upper.errorbar(
        said,
        right,
        yerr=np.clip([below, above], 0, 1),
        color=COLOURS[0],
        marker="o",
        markersize=4.5,
        linewidth=1.4,
        elinewidth=1,
    )
    upper.set_ylim(-0.03, 1.03)
    upper.set_xlim(-0.02, 1.02)
    upper.set_ylabel("share that is right")
    lower.bar(
        found.edges[:-1],
        found.count,
        width=np.diff(found.edges) * 0.86,
        align="edge",
        color=COLOURS[0],
    )
    lower.set_ylabel("pictures")
    lower.set_xlabel("probability of the answer")
    for axes in (upper, lower):
        axes.grid(axis="y", color=HAIR, linewidth=0.6)
        axes.set_axisbelow(True)
    upper.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    upper.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    lower.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    lower.locator_params(axis="y", nbins=3)
    return figure
