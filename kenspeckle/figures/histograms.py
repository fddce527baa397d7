"""Histograms of the entries of tensors, a panel for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from kenspeckle.figures.style import COLOURS, plain

if TYPE_CHECKING:
    from kenspeckle.explain.histograms import Histogram


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
