"""Histograms of the entries of tensors, a panel for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kenspeckle.figures.names import PLAIN
from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, HAIR, INK, SMALL, USUAL, bare, plain

if TYPE_CHECKING:
    from kenspeckle.explain.histograms import Histogram, LayerHistograms

_DOWN = 12  # layers of a deep network that are shown, evenly from the first to the last
_REACH = 4  # deviations to both sides


def histograms(named: Mapping[str, Histogram], *, across: int = 5) -> Figure:
    """One panel for each layer, from the first to the last; each has its own scale."""
    columns = min(across, len(named))
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(2.0 * columns, 1.7 * rows), layout="constrained")
    for place, (name, item) in enumerate(named.items(), start=1):
        axes = figure.add_subplot(rows, columns, place)
        plain(axes)
        axes.stairs(item.counts / max(1, item.n), item.edges, fill=True, color=COLOURS[0])
        axes.set_title(f"{name}\ndeviation {item.deviation:.3g}", fontsize=8)
        axes.set_yscale("log")  # the tails matter more than the peak
        axes.set_yticks([])
        axes.minorticks_off()
        axes.tick_params(labelsize=7)
        axes.ticklabel_format(axis="x", scilimits=(-3, 4))
        axes.xaxis.get_offset_text().set_fontsize(7)
    return figure


def layer_histograms(found: LayerHistograms) -> Figure:
    """Pre-activations, weights and gradients side by side; of a deep network every so many."""
    columns = {
        "pre-activations": dict(found.pre_activations),
        "weights": {name: found.weights[name] for name in found.matrices},
        "gradients": {n: found.gradients[n] for n in found.matrices if n in found.gradients},
    }
    columns = {name: column for name, column in columns.items() if column}
    rows = min(_DOWN, max(map(len, columns.values())))
    figure = Figure(figsize=(COLUMN, 0.45 + 0.42 * rows), layout="constrained")
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for number, (title, column) in enumerate(columns.items()):
        names = list(column)
        kept = np.linspace(0, len(names) - 1, min(rows, len(names))).round().astype(int)
        for row in range(rows):
            axes = grid[row][number]
            if row >= len(kept):
                axes.set_axis_off()
                continue
            _strip(axes, names[kept[row]], column[names[kept[row]]], COLOURS[number])
        dropped = len(names) - len(kept)
        note = f"{title}, {len(kept)} of {len(names)}" if dropped else title
        grid[0][number].set_title(note, fontsize=USUAL if not dropped else SMALL, color=INK, pad=15)
    return figure


def _strip(axes: Axes, name: str, item: Histogram, colour: str) -> None:
    """A small panel: the name and the deviation above it, log heights, a line at zero."""
    low, high = (item.mean + side * _REACH * item.deviation for side in (-1, 1))
    if not low < high:
        low, high = float(item.edges[0]), float(item.edges[-1])
    heights = np.log1p(item.counts)
    axes.stairs(heights, item.edges, fill=True, color=colour)
    axes.set_xlim(low, high)
    axes.set_ylim(0, float(heights.max()) * 1.05 or 1)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    bare(axes)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(HAIR)
    text = name.removesuffix(".weight").removesuffix(".convolution").removesuffix("_conv")
    text = text.replace("_blocks.", "").replace("._", ".")
    text = text if len(text) <= 15 else f"…{text[-14:]}"
    style: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 7, "va": "bottom"}
    axes.text(0, 1.02, text, ha="left", color=INK, **style, **PLAIN)
    axes.text(1, 1.02, f"{item.deviation:.2g}", ha="right", color=FAINT, **style)
