"""Pictures that were taken for another class, each with its label and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kenspeckle.pages.squares import printable, square

_TILE, _GAP, _MARGIN, _LINES = 84, 12, 16, 34  # pixels
_PAPER, _INK, _FAINT = "#ffffff", "#1f2328", "#636c76"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One picture (H, W, C), its class, and what was said of it."""

    image: NDArray[np.uint8]
    label: str
    predicted: str
    probability: float  # of what was said


def mistake_sheet(
    mistakes: Sequence[Mistake], *, title: str, columns: int = 8
) -> NDArray[np.uint8]:
    """RGB (height, width, 3)."""
    rows = -(-len(mistakes) // columns)
    width = 2 * _MARGIN + columns * (_TILE + _GAP) - _GAP
    height = 44 + rows * (_TILE + _LINES + _GAP) + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, 12), title, fill=_INK, font=ImageFont.load_default(15))
    letters = ImageFont.load_default(12)
    for number, mistake in enumerate(mistakes):
        row, column = divmod(number, columns)
        left = _MARGIN + column * (_TILE + _GAP)
        top = 44 + row * (_TILE + _LINES + _GAP)
        sheet.paste(square(mistake.image, _TILE), (left, top))
        said = f"said {mistake.predicted}, {mistake.probability:.0%}"
        pen.text((left, top + _TILE + 2), _fitting(mistake.label, letters), _INK, letters)
        pen.text((left, top + _TILE + 17), _fitting(said, letters), _FAINT, letters)
    return np.asarray(sheet)


def _fitting(text: str, font: Font) -> str:
    text = printable(text)
    while font.getlength(text) > _TILE + _GAP - 4:
        text = f"{text[:-2]}…"
    return text
