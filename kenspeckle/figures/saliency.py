"""Pictures and the maps over them: one method in pairs, several methods in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.names import shown
from kenspeckle.figures.pictures import caption, grid, heat, overlaid, sheet, show
from kenspeckle.figures.style import COLUMN, INK, bare

if TYPE_CHECKING:
    from kenspeckle.explain.saliency import Saliency, SaliencyComparison

_MOST = 12  # pictures
_TOP = 99.5  # percentile of absolute values that has the full colour; a few pixels may exceed it
_FINE = 56  # values a side that a small panel can show
_UNDER = 0.25  # how much of the picture is seen under amounts


def saliency_pairs(found: Saliency) -> Figure:
    """Each picture with its class, and beside it the map over it; two pairs in a row."""
    count = min(_MOST, len(found.images))
    rows, pairs = grid(count, across=2)
    columns = 2 * pairs
    side = COLUMN / 4
    figure = sheet(side * columns, _high(found.images, side, lines=2) * rows)
    for number in range(count):
        place = 2 * number + 1
        _first(figure.add_subplot(rows, columns, place), found, number)
        axes = figure.add_subplot(rows, columns, place + 1)
        draw_map(axes, found.images[number], found.maps[number], signed=found.signed)
        caption(axes, _wrapped(found.method))
    return figure


def saliency_columns(found: SaliencyComparison) -> Figure:
    """A row for each picture and a column for each method; of one picture, a grid."""
    first = found.methods[0]
    count = min(_MOST, len(first.images))
    panels = len(found.methods) + 1
    rows_each, columns = grid(panels, across=4 if count == 1 else panels)
    side = COLUMN / max(columns, 3)
    named = rows_each == 1  # columns are named above the first picture alone
    side -= 0.3 / columns if named else 0.0  # for the names at the left
    high = _high(first.images, side, lines=0 if named else 2)
    figure = sheet(COLUMN, high * rows_each * count + (0.3 if named else 0.0), gap=0.015)
    for number in range(count):
        start = number * rows_each * columns + 1
        axes = figure.add_subplot(rows_each * count, columns, start)
        if named:
            show(axes, first.images[number])
            axes.set_ylabel(_answer(first, number), fontsize=7, color=INK, parse_math=False)
        else:
            _first(axes, first, number)
        for place, item in enumerate(found.methods, start=start + 1):
            axes = figure.add_subplot(rows_each * count, columns, place)
            draw_map(axes, item.images[number], item.maps[number], signed=item.signed)
            if number == 0 or not named:
                caption(axes, _wrapped(item.method), size=7 if columns > 4 else 8)
    return figure


def draw_map(
    axes: Axes, image: NDArray[Any], values: NDArray[Any], *, signed: bool, limit: float = 0.0
) -> None:
    """`values` (H, W) over `image` (H, W, C): red and blue, or amounts from dark to bright."""
    bare(axes)
    values = coarse(values)
    limit = limit or float(np.percentile(np.abs(values), _TOP)) or float(np.abs(values).max())
    if signed:
        axes.imshow(overlaid(image, values, limit), interpolation="nearest")
        return
    grey = image.astype(np.float64).mean(axis=2, keepdims=True) / 255
    mixed = np.clip(heat(values, limit) * (1 - _UNDER) + grey * _UNDER, 0, 1)
    axes.imshow(mixed, interpolation="nearest")


def coarse(values: NDArray[Any]) -> NDArray[Any]:
    """`values` (H, W) as means of blocks, if there are more than can be told apart; (H, W)."""
    side = block(values)
    height, width = values.shape
    padded = np.pad(values, ((0, -height % side), (0, -width % side)), mode="edge")
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    means = padded.reshape(rows, side, columns, side).mean(axis=(1, 3))
    full: NDArray[Any] = means.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    return full


def block(values: NDArray[Any]) -> int:
    """Side of the blocks of `coarse`, in pixels, for maps (..., H, W)."""
    return max(1, int(min(values.shape[-2:])) // _FINE)


def spoken(method: str) -> str:
    """How a method is called in a sentence."""
    return "Grad-CAM" if method == "grad-cam" else method.replace("-", " ")


def _first(axes: Axes, found: Saliency, number: int) -> None:
    show(axes, found.images[number])
    caption(axes, _answer(found, number))


def _answer(found: Saliency, number: int) -> str:
    share = found.target_probabilities[number]
    return f"{shown(found.target_names[number], most=13)}\n{share:.0%}".replace("%", " %")


def _wrapped(method: str) -> str:
    """A name on two lines, so that it fits above a small picture."""
    head, _, tail = spoken(method).partition(" ")
    return f"{head}\n{tail}"


def _high(images: NDArray[Any], side: float, *, lines: int) -> float:
    """Inches of a row of panels that are `side` wide, with `lines` of letters above each."""
    height, width = images.shape[1:3]
    return float(side * height / width + 0.14 * lines + 0.06)
