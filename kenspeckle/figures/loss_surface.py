"""The loss around a solution: contours, and a line through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.style import (
    COLOURS,
    COLUMN,
    FAINT,
    HAIR,
    HEAT,
    INK,
    SMALL,
    USUAL,
    plain,
)

if TYPE_CHECKING:
    from kenspeckle.explain.loss_surface import LossSurface

_LEVELS = 14


def loss_surface(found: LossSurface) -> Figure:
    """Contours on a logarithmic scale with the solution; loss and accuracy along one direction."""
    figure = Figure(figsize=(COLUMN, 5.4))
    # one above the other, as wide as each other, so that places along the direction correspond
    above = figure.add_axes((0.14, 0.37, 0.68, 0.68 * COLUMN / 5.4))
    below = figure.add_axes((0.14, 0.09, 0.68, 0.2))
    plain(above)
    reach = float(found.steps[-1])
    finite = np.isfinite(found.losses) & (found.losses > 0)
    heights = np.where(finite, found.losses, np.nan)
    low, high = (float(np.nanmin(heights)), float(np.nanmax(heights))) if finite.any() else (1, 2)
    levels = np.geomspace(low, max(high, low * 1.01), _LEVELS)
    drawn = above.contourf(
        found.steps, found.steps, np.log(heights), levels=np.log(levels), cmap=HEAT
    )
    above.contour(
        found.steps,
        found.steps,
        np.log(heights),
        levels=np.log(levels),
        colors="#ffffff",
        linewidths=0.4,
        linestyles="solid",
        alpha=0.5,
    )
    above.plot(
        0, 0, "*", markersize=15, markerfacecolor=COLOURS[5], markeredgecolor="#1f2328",
        markeredgewidth=0.8,
    )  # fmt: skip
    above.set_xticks(np.linspace(-reach, reach, 5))
    above.set_yticks(np.linspace(-reach, reach, 5))
    above.set_ylabel("second direction", fontsize=SMALL, color=FAINT)
    bar = figure.colorbar(
        drawn,
        cax=figure.add_axes((0.85, 0.37, 0.03, 0.68 * COLUMN / 5.4)),
        ticks=np.log(levels[:: _LEVELS // 4]),
    )
    bar.ax.set_yticklabels([f"{level:.2g}" for level in levels[:: _LEVELS // 4]])
    bar.ax.tick_params(colors=FAINT, labelsize=SMALL)
    bar.set_label("loss", color=INK, fontsize=USUAL)
    bar.outline.set_edgecolor(HAIR)
    plain(below)
    below.set_xlim(-reach, reach)
    below.set_xticks(np.linspace(-reach, reach, 5))
    below.plot(found.line_steps, found.line_losses, color=COLOURS[1], linewidth=1.6)
    below.axvline(0, color=HAIR, linewidth=0.8)
    below.set_ylabel("loss", color=COLOURS[1], fontsize=USUAL)
    below.set_xlabel("first direction; 1 moves each filter by its own length")
    below.xaxis.label.set(fontsize=SMALL, color=FAINT)
    below.set_ylim(bottom=0)
    right = below.twinx()
    plain(right)
    right.spines["right"].set_visible(True)
    right.plot(found.line_steps, found.line_accuracies, "--", color=COLOURS[0], linewidth=1.6)
    right.set_ylim(0, 1.03)
    right.set_ylabel("accuracy", color=COLOURS[0], fontsize=USUAL)
    return figure
