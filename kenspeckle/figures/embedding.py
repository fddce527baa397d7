"""Pictures as points of a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, HAIR, INK, PAPER, SMALL, USUAL, bare

if TYPE_CHECKING:
    from kenspeckle.explain.embedding import Embedding

_MARKERS = "os^Dv"  # with six colours, 30 classes that no two look alike
_NAMED = 30  # classes with colour and name


def embedding(found: Embedding) -> Figure:
    """Points in colour and shape by class, the name of each at its median.

    Of many classes the 30 largest have a colour, which the figure says.
    """
    figure = Figure(figsize=(COLUMN, 4.6))
    axes = figure.add_axes((0.02, 0.07, 0.96, 0.92))
    counts = np.bincount(found.labels, minlength=len(found.class_names))
    present = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    named = sorted(present[:_NAMED])
    others = ~np.isin(found.labels, named)
    if others.any():
        across, up = found.positions[others].T
        axes.scatter(across, up, s=5, c=HAIR, linewidths=0)
    for number, label in enumerate(named):
        across, up = found.positions[found.labels == label].T
        axes.scatter(
            across,
            up,
            s=13,
            c=COLOURS[number % len(COLOURS)],
            # every class its own pair: the shape changes with each round of colours, and within
            marker=_MARKERS[(number // len(COLOURS) + number) % len(_MARKERS)],
            linewidths=0,
            alpha=0.75,
        )
    _limits(axes, found.positions)
    _names(axes, found, named)
    bare(axes)
    for side in axes.spines.values():
        side.set_visible(True)
        side.set_color(HAIR)
    caption = "t-SNE, no scale"
    if found.explained:
        first, second = found.explained
        caption = f"across {first:.0%} of the variance, upwards {second:.0%}"
    if others.any():
        caption += f"; the {_NAMED} largest of {len(present)} classes in colour"
    figure.text(0.5, 0.02, caption, fontsize=SMALL, color=FAINT, ha="center")
    return figure


def _limits(axes: Axes, positions: NDArray[np.float64]) -> None:
    low, high = positions.min(axis=0), positions.max(axis=0)
    margin = np.maximum((high - low) * 0.05, 1e-9)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])


def _names(axes: Axes, found: Embedding, named: list[int]) -> None:
    """At the medians, pushed apart where they would cover each other."""
    medians = np.stack(
        [np.median(found.positions[found.labels == label], axis=0) for label in named]
    )
    texts = [shown(found.class_names[label], 12) for label in named]
    size = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    places = _apart(medians / size, [0.019 * len(text) + 0.02 for text in texts], 0.045) * size
    for number, (place, median, text) in enumerate(zip(places, medians, texts, strict=True)):
        if np.abs((place - median) / size).max() > 0.02:
            axes.plot(*np.stack([median, place]).T, color=FAINT, linewidth=0.7, zorder=3)
        axes.text(
            place[0],
            place[1],
            text,
            fontsize=USUAL,
            fontweight="bold",
            color=INK,
            ha="center",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.15",
                "facecolor": PAPER,
                "edgecolor": COLOURS[number % len(COLOURS)],
                "linewidth": 1.0,
                "alpha": 0.9,
            },
            zorder=4,
            **PLAIN,
        )


def _apart(places: NDArray[np.float64], widths: list[float], height: float) -> NDArray[np.float64]:
    """Centres of boxes, in shares of the axes, moved up and down until none covers another."""
    found = places.copy()
    wide = np.array(widths)
    for _ in range(200):
        moved = False
        for one in range(len(found)):
            for other in range(one):
                across = (wide[one] + wide[other]) / 2 - abs(found[one, 0] - found[other, 0])
                gap = found[one, 1] - found[other, 1]
                over = height - abs(gap)
                if across > 0 and over > 0:
                    step = (over / 2 + 1e-3) * (1 if gap >= 0 else -1)
                    found[one, 1] += step
                    found[other, 1] -= step
                    moved = True
        if not moved:
            break
    return found
