"""Drawings of records as PNG files. Nothing here computes a result."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    from kenspeckle.events import EpochRecord
    from kenspeckle.explain.fingerprints import Fingerprints
    from kenspeckle.explain.histograms import Histogram
    from kenspeckle.explain.ideal_inputs import IdealInputs

# Okabe and Ito 2008: told apart without colour vision too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DPI = 110
_FAINT = "#6b6b6b"


def png(figure: Figure) -> bytes:
    """The file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def curves(epochs: Sequence[EpochRecord]) -> Figure:
    """Loss and accuracy of both splits over the steps, on two axes."""
    figure = Figure(figsize=(7, 3.2))
    left = figure.add_subplot()
    right = left.twinx()
    steps = [epoch.step for epoch in epochs]
    style: dict[str, Any] = {"marker": "o", "markersize": 3}
    left.plot(steps, [e.loss for e in epochs], color=COLOURS[1], label="loss, train", **style)
    left.plot(
        steps,
        [e.validation_loss for e in epochs],
        color=COLOURS[1],
        linestyle="--",
        label="loss, validation",
        **style,
    )
    right.plot(
        steps, [e.accuracy for e in epochs], color=COLOURS[0], label="accuracy, train", **style
    )
    right.plot(
        steps,
        [e.validation_accuracy for e in epochs],
        color=COLOURS[0],
        linestyle="--",
        label="accuracy, validation",
        **style,
    )
    left.set_xlabel("step")
    left.set_ylabel("loss", color=COLOURS[1])
    right.set_ylabel("accuracy", color=COLOURS[0])
    lines = [*left.get_lines(), *right.get_lines()]
    left.legend(lines, [str(line.get_label()) for line in lines], loc="center right", fontsize=8)
    _plain(left)
    right.spines["top"].set_visible(False)
    return figure


def histograms(named: Mapping[str, Histogram]) -> Figure:
    """One panel for each layer, from the first to the last; each has its own scale."""
    columns = min(5, len(named))
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(2.4 * columns, 1.9 * rows), layout="constrained")
    for place, (name, item) in enumerate(named.items(), start=1):
        axes = figure.add_subplot(rows, columns, place)
        axes.stairs(item.counts / max(1, item.n), item.edges, fill=True, color=COLOURS[0])
        axes.set_title(f"{name}\ndeviation {item.deviation:.3g}", fontsize=8)
        axes.set_yscale("log")  # the tails matter more than the peak
        axes.set_yticks([])
        axes.minorticks_off()
        axes.tick_params(labelsize=7)
        axes.ticklabel_format(axis="x", scilimits=(-3, 4))
        axes.xaxis.get_offset_text().set_fontsize(7)
        _plain(axes)
    return figure


def fingerprints(found: Fingerprints, *, most: int = 200) -> Figure:
    """A panel for each class: units of the hidden layer down, pictures across."""
    classes = len(found.class_names)
    figure = Figure(figsize=(1.1 * classes, 4.2), layout="constrained")
    top = float(np.percentile(found.values, 99))
    for label, name in enumerate(found.class_names):
        axes = figure.add_subplot(1, classes, label + 1)
        values = found.values[found.labels == label][:most]
        axes.imshow(values.T, aspect="auto", cmap="magma", vmin=0, vmax=top, interpolation="none")
        axes.set_title(name, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def ideal_inputs(rows: Mapping[str, IdealInputs], means: NDArray[np.float64] | None) -> Figure:
    """A row for each penalty, a column for each class; above them the mean picture of the class."""
    first = next(iter(rows.values()))
    classes = len(first.class_names)
    lines = len(rows) + (means is not None)
    figure = Figure(figsize=(0.95 * classes, 1.15 * lines), layout="constrained")

    def draw(row: int, title: str, images: NDArray[Any], notes: Sequence[str]) -> None:
        for label, image in enumerate(images):
            axes = figure.add_subplot(lines, classes, row * classes + label + 1)
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(notes[label], fontsize=8, pad=2)
            if label == 0:
                axes.set_ylabel(title, fontsize=8)

    if means is not None:
        draw(0, "mean", means, first.class_names)
    for number, (title, item) in enumerate(rows.items(), start=lines - len(rows)):
        judged = item.judged if item.judged is not None else np.arange(classes)
        notes = [
            first.class_names[label]
            if judged[label] == label
            else f"{first.class_names[label]}: judge {first.class_names[judged[label]]}"
            for label in range(classes)
        ]
        draw(number, title, item.full_contrast, notes)
    return figure


def lines(
    named: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    *,
    x: str,
    y: str,
    scale: Literal["linear", "log-y", "log-log"] = "linear",
) -> Figure:
    """One line for each entry, as (x values, y values)."""
    figure = Figure(figsize=(7, 3.4))
    axes = figure.add_subplot()
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
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _plain(axes)
    return figure


def paths(
    named: Mapping[str, NDArray[np.float64]],
    heights: NDArray[np.float64],
    *,
    extent: tuple[float, float, float, float],
    lowest: tuple[float, float],
) -> Figure:
    """Ways over a surface of two weights, whose `heights` are (rows, columns) over `extent`."""
    figure = Figure(figsize=(7.4, 4.2))
    axes = figure.add_subplot()
    levels = np.geomspace(0.01, heights.max(), 18)
    axes.contour(heights, levels=levels, extent=extent, colors="#b8c4ce", linewidths=0.7)
    for number, (name, points) in enumerate(named.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(points[:, 0], points[:, 1], color=colour, linewidth=1.3, label=name)
        axes.plot(*points[-1], "o", color=colour, markersize=5)
    axes.plot(*lowest, "*", color="black", markersize=13, label="lowest point")
    axes.set_xlabel("first weight")
    axes.set_ylabel("second weight")
    axes.legend(fontsize=8, loc="upper right")
    _plain(axes)
    return figure


def bars(named: Mapping[str, float], *, x: str) -> Figure:
    """A bar for each share, with its number."""
    figure = Figure(figsize=(7, 0.34 * len(named) + 0.7))
    axes = figure.add_subplot()
    values = list(named.values())
    axes.barh(list(named), values, color=COLOURS[0])
    for place, value in enumerate(values):
        axes.text(value, place, f" {value:.1%}", va="center", fontsize=8)
    axes.set_xlim(0, 1.12)
    axes.set_xlabel(x)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    _plain(axes)
    return figure


def _plain(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=_FAINT)
