"""The risk-coverage curve: wrong answers over the share of items that is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.style import COLOURS, FAINT, HAIR, INK, SMALL, chart

if TYPE_CHECKING:
    from kenspeckle.evaluation.abstention import RiskCoverage

_POINTS = 400  # more cannot be seen
_FEWEST = 20  # answers, below which the curve says nothing


def risk_coverage(found: RiskCoverage) -> Figure:
    """The curve with its 95 % intervals, beside what random silence would bring."""
    figure, axes = chart(height=3.0)
    shown = np.flatnonzero(found.answered >= min(_FEWEST, found.n))
    shown = shown[np.unique(np.linspace(0, len(shown) - 1, _POINTS).round().astype(int))]
    answered, wrong = found.answered[shown], found.wrong[shown]
    coverage, risk = answered / found.n, wrong / answered
    intervals = [found.interval(row) for row in shown.tolist()]
    axes.fill_between(
        coverage,
        [interval.low for interval in intervals],
        [interval.high for interval in intervals],
        color=COLOURS[0],
        alpha=0.25,
        linewidth=0,
    )
    axes.plot(
        coverage,
        risk,
        color=COLOURS[0],
        linewidth=1.6,
        marker="o" if len(coverage) < 3 else None,
        markersize=4,
    )
    whole = found.wrong[-1] / found.n
    axes.axhline(whole, color=FAINT, linewidth=1, linestyle=(0, (2, 3)))
    axes.text(0.01, whole, "all answered", fontsize=SMALL, color=INK, va="bottom")
    axes.grid(axis="y", color=HAIR, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(1.6 * whole, 0.01))
    axes.set_xlabel("share of the pictures that is answered, the surest first")
    axes.set_ylabel("share that is wrong")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    return figure
