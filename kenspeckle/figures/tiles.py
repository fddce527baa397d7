"""Pictures side by side with their names, in blocks with titles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.names import PLAIN, shown
from kenspeckle.figures.pictures import show
from kenspeckle.figures.style import COLOURS, COLUMN, FAINT, INK, SMALL

Block = tuple[str, NDArray[Any], Sequence[str], Sequence[bool]]  # title, pictures, names, marked
_TITLE, _NAME, _FOOT = 0.24, 0.18, 0.22  # inches
_GAP = 0.06
_SHORT = 7  # letters of a name that fit above a picture of which ten stand in a row


def tiles(blocks: Sequence[Block], *, most: int = 30, across: int = 0) -> Figure:
    """Each block a title and its pictures in rows; a marked name is in the colour of warnings.

    At most `most` pictures of a block are drawn, and a line below says so. `across` is how many
    stand in a row, 0 for as many as suits them.
    """
    count = max(len(images) for _, images, _, _ in blocks)
    drawn = min(count, most)
    longest = max(len(name) for _, _, names, _ in blocks for name in names[:drawn])
    columns = across or _columns(drawn, blocks[0][1].shape[1:3], len(blocks), longest)
    side = (COLUMN - _GAP) / columns - _GAP
    tall = side * max(images.shape[1] / images.shape[2] for _, images, _, _ in blocks)
    letters = max(4, int(side / 0.072))
    name_height = _NAME if longest else 0.0
    heights = [
        (_TITLE if title else 0.0)
        + -(-min(len(images), drawn) // columns) * (tall + name_height + _GAP)
        for title, images, *_ in blocks
    ]
    left_out = count - drawn
    height = sum(heights) + (_FOOT if left_out else 0.0)
    figure = Figure(figsize=(COLUMN, height))
    top = height
    for (title, images, names, marked), extent in zip(blocks, heights, strict=True):
        if title:
            where = (_GAP / COLUMN, (top - _TITLE * 0.8) / height)
            figure.text(*where, shown(title, 60), fontsize=SMALL, color=FAINT, **PLAIN)
        start = top - (_TITLE if title else 0.0)
        for place, image in enumerate(images[:drawn]):
            row, column = divmod(place, columns)
            bottom = start - row * (tall + name_height + _GAP) - name_height - tall
            left = _GAP + column * (side + _GAP)
            axes = figure.add_axes((left / COLUMN, bottom / height, side / COLUMN, tall / height))
            show(axes, image)
            colour = COLOURS[1] if marked[place] else INK
            axes.set_title(shown(names[place], letters), pad=2, fontsize=SMALL, **PLAIN).set_color(
                colour
            )
        top -= extent
    if left_out:
        note = f"the first {drawn} of {count}"
        figure.text(_GAP / COLUMN, 0.06 / height, note, fontsize=SMALL, color=FAINT)
    return figure


def _columns(count: int, size: tuple[int, ...], blocks: int, longest: int) -> int:
    """Small pictures ten in a row, photographs and long names four or five, without ragged ends."""
    if size[0] < 64:
        return min(count, 10 if (blocks > 1 or count > 10) and longest <= _SHORT else 5)
    return min(count, 4 if count % 4 == 0 or count > 10 else 5)
