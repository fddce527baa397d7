"""Pictures and the maps that a layer makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.pictures import balanced, caption, heat, sheet, show
from kenspeckle.figures.style import COLUMN, FAINT, bare

if TYPE_CHECKING:
    from kenspeckle.explain.activation_maps import ActivationMaps

_ACROSS = 8  # maps in a row
_SIDE = 2  # rows and columns of maps that a picture is as large as
_ROWS, _ROWS_OF_MANY = 5, 2  # for one picture, and for each of several
_MOST = 12  # pictures; a drawing of more would be endless


def activation_grid(found: ActivationMaps) -> Figure:
    """Each picture, and around it its strongest maps with their numbers."""
    images = found.images[:_MOST]
    channels = found.maps.shape[1]
    wanted = _ROWS if len(images) == 1 else _ROWS_OF_MANY
    beside = _SIDE * (_ACROSS - _SIDE)  # maps right of the picture; the others fill rows below it
    rows = min(wanted, _SIDE + -(-max(0, channels - beside) // _ACROSS))
    cells = [
        (row, column)
        for row in range(rows)
        for column in range(_ACROSS)
        if row >= _SIDE or column >= _SIDE
    ]
    unit = COLUMN / _ACROSS
    figure = sheet(COLUMN, (unit + 0.16) * rows * len(images), gap=0.015)
    places = figure.add_gridspec(rows * len(images), _ACROSS)
    for number, image in enumerate(images):
        top = number * rows
        axes = figure.add_subplot(places[top : top + _SIDE, :_SIDE])
        show(axes, image)
        axes.set_anchor("N")
        caption(axes, "picture")
        maps = found.maps[number]
        limit = float(np.abs(maps).max())
        for (row, column), channel in zip(cells, found.order[number], strict=False):
            axes = figure.add_subplot(places[top + row, column])
            bare(axes)
            colours = balanced if found.maps.min() < 0 else heat
            axes.imshow(colours(maps[channel], limit), interpolation="nearest")
            caption(axes, str(channel), size=7, pad=1.5)
            axes.title.set_color(FAINT)
    return figure
