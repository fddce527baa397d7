"""The filters of a first layer, in a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.names import shown
from kenspeckle.figures.pictures import balanced, caption, grid, sheet
from kenspeckle.figures.style import COLUMN, HAIR, bare

if TYPE_CHECKING:
    from kenspeckle.explain.filters import Filters

SHOWN = 64  # filters at most; classes too


def filters(found: Filters) -> Figure:
    """Blue to red around zero for one channel, colours around grey for three."""
    order = found.order[:SHOWN]
    across = 5 if found.answers else 8
    rows, columns = grid(len(order), across=across)
    side = COLUMN / across
    title = 0.2 if found.answers else 0.0
    figure = sheet(side * columns, (side + title) * rows)
    pictures = found.pictures
    for place, unit in enumerate(order, start=1):
        axes = figure.add_subplot(rows, columns, place)
        bare(axes)
        picture = pictures[unit]
        colours = (
            np.clip(picture / 2 + 0.5, 0, 1)
            if picture.shape[2] == 3
            else balanced(picture[..., 0], 1.0)
        )
        axes.imshow(colours, interpolation="nearest")
        for spine in axes.spines.values():  # white filters have no edge on white paper
            spine.set_visible(True)
            spine.set_color(HAIR)
        if found.answers:
            caption(axes, shown(found.unit_names[unit], most=14))
    return figure
