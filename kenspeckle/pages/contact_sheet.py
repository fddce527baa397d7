"""Pictures in rows, each row with its name: by class, or originals beside their augmentations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kenspeckle.pages.squares import shortened, square

_TILE, _GAP, _MARGIN = 72, 6, 20  # pixels
_NAMES = 150  # width of the column of names
_PAPER, _INK, _FAINT = "#ffffff", "#1a1a1a", "#6b6b6b"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A name, what is said under it, and pictures (n, H, W, C)."""

    name: str
    about: str
    images: NDArray[np.uint8]


def contact_sheet(title: str, rows: Sequence[Row]) -> NDArray[np.uint8]:
    """One RGB picture (height, width, 3); every tile shows the whole picture."""
    columns = max(len(row.images) for row in rows)
    top = _MARGIN + 34
    width = 2 * _MARGIN + _NAMES + columns * (_TILE + _GAP) - _GAP
    height = top + len(rows) * (_TILE + _GAP) - _GAP + _MARGIN
    sheet = Image.new("RGB", (max(width, 420), height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text(
        (_MARGIN, _MARGIN - 2), shortened(title, 60), fill=_INK, font=ImageFont.load_default(18)
    )
    for number, row in enumerate(rows):
        line = top + number * (_TILE + _GAP)
        name = shortened(row.name, 18)
        pen.text((_MARGIN, line + 16), name, fill=_INK, font=ImageFont.load_default(15))
        pen.text((_MARGIN, line + 37), row.about, fill=_FAINT, font=ImageFont.load_default(12))
        for column, image in enumerate(row.images):
            left = _MARGIN + _NAMES + column * (_TILE + _GAP)
            sheet.paste(square(image, _TILE), (left, line))
    return np.asarray(sheet)
