"""Charts of numbers: lines, ways over a surface, bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.style import COLOURS, HAIR, INK, SMALL, chart


def lines(
    named: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    *,
    x: str,
    y: str,
    scale: Literal["linear", "log-y", "log-log"] = "linear",
) -> Figure:
    """One line for each entry, as (x values, y values)."""
    figure, axes = chart(width=6.8, height=3.2)
    for number, (name, (across, up)) in enumerate(named.items()):
        style = "-" if number < len(COLOURS) else "--"
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(across, up, style, label=name, color=colour, linewidth=1.4)
    if scale != "linear":
        axes.set_yscale("log")
    if scale == "log-log":
        axes.set_xscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(
        fontsize=SMALL,
        labelcolor=INK,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    return figure


def paths(
    named: Mapping[str, NDArray[np.float64]],
    heights: NDArray[np.float64],
    *,
    extent: tuple[float, float, float, float],
    lowest: tuple[float, float],
) -> Figure:
    """Ways over a surface of two weights, whose `heights` are (rows, columns) over `extent`."""
    figure, axes = chart(width=6.8, height=4.0)
    levels = np.geomspace(0.01, heights.max(), 18)
    axes.contour(heights, levels=levels, extent=extent, colors=HAIR, linewidths=0.7)
    for number, (name, points) in enumerate(named.items()):
        colour = COLOURS[number % len(COLOURS)]
        style = "-" if number < len(COLOURS) else "--"
        axes.plot(points[:, 0], points[:, 1], style, color=colour, linewidth=1.3, label=name)
        axes.plot(*points[-1], "o", color=colour, markersize=5)
    axes.plot(*lowest, "*", color=INK, markersize=13, label="lowest point")
    axes.set_xlabel("first weight")
    axes.set_ylabel("second weight")
    axes.legend(fontsize=SMALL, labelcolor=INK, loc="upper right", framealpha=0.9)
    return figure


def bars(named: Mapping[str, float], *, x: str) -> Figure:
    """A bar for each share, with its number."""
    figure, axes = chart(width=6.0, height=0.3 * len(named) + 0.7)
    values = list(named.values())
    axes.barh(list(named), values, color=COLOURS[0])
    for place, value in enumerate(values):
        axes.text(value, place, f" {value:.1%}", va="center", fontsize=SMALL, color=INK)
    axes.set_xlim(0, 1.12)
    axes.set_xlabel(x)
    axes.invert_yaxis()
    return figure
