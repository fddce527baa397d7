"""Pictures and the training pictures that they resemble most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.pictures import show
from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, INK, SMALL

if TYPE_CHECKING:
    from kenspeckle.explain.neighbours import NearestPictures

_ROWS, _ACROSS = 8, 7  # at most; the figure says what is left out
_GAP, _WORDS, _HEAD = 0.08, 0.33, 0.24  # inches


def nearest_pictures(found: NearestPictures) -> Figure:
    """A row for each picture: itself, then its neighbours; another class is marked."""
    rows = min(len(found.images), _ROWS)
    across = min(found.labels.shape[1], _ACROSS)
    side = min(1.0, (COLUMN - 2 * _GAP) / (across + 1) - _GAP)
    tall = side * found.images.shape[1] / found.images.shape[2]
    row_height = tall + _WORDS + _GAP
    left_out = len(found.images) - rows
    height = _HEAD + rows * row_height + (0.2 if left_out else 0)
    figure = Figure(figsize=(COLUMN, height))
    first = side + 3 * _GAP
    style: dict[str, Any] = {"fontsize": SMALL, "color": FAINT, "va": "center"}
    figure.text(_GAP / COLUMN, 1 - _HEAD / 2 / height, "picture", **style)
    figure.text(
        first / COLUMN, 1 - _HEAD / 2 / height, "nearest training pictures, nearest first", **style
    )
    letters = max(4, int(side / 0.075))
    for row in range(rows):
        bottom = height - _HEAD - row * row_height - tall
        for place in range(across + 1):
            left = _GAP if place == 0 else first + (place - 1) * (side + _GAP)
            axes = figure.add_axes((left / COLUMN, bottom / height, side / COLUMN, tall / height))
            if place == 0:
                show(axes, found.images[row])
                words, below, marked = found.class_names[found.predicted[row]], "", False
            else:
                show(axes, found.found[row, place - 1])
                words = found.class_names[found.labels[row, place - 1]]
                below = f"{found.distances[row, place - 1]:.3f}"
                marked = bool(found.disagreeing[row, place - 1])
            if marked:
                for spine in axes.spines.values():
                    spine.set(visible=True, color=COLOURS[1], linewidth=2)
            centre, under = (left + side / 2) / COLUMN, bottom / height
            figure.text(
                centre,
                under - 0.09 / height,
                shown(words, letters),
                fontsize=SMALL,
                color=COLOURS[1] if marked else INK,
                fontweight="bold" if marked or place == 0 else "normal",
                ha="center",
                va="center",
                **PLAIN,
            )
            figure.text(
                centre,
                under - 0.22 / height,
                below,
                fontsize=7,
                color=FAINT,
                ha="center",
                va="center",
            )
    if left_out:
        note = f"the first {rows} of {len(found.images)}"
        figure.text(_GAP / COLUMN, 0.1 / height, note, **style)
    return figure
