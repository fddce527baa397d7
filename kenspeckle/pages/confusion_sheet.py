"""The confusion matrix as a picture, drawn in milliseconds, so that training can show many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kenspeckle.pages.squares import shortened

_SIDE = 480  # pixels of the matrix, or less
_CELLS = (2, 48)  # pixels of one
_NAMED, _COUNTED = 12, 24  # pixels of a cell from which it has a name, a number
_PAPER, _INK, _FAINT = "#ffffff", "#1f2328", "#636c76"
_RIGHT, _WRONG = (0, 114, 178), (213, 94, 0)  # told apart without colour vision too
_LETTERS = 12  # of a name

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def confusion_sheet(
    counts: NDArray[np.int64], class_names: Sequence[str], *, title: str
) -> NDArray[np.uint8]:
    """RGB (height, width, 3) of `counts` (K, K): labels down, what was predicted across.

    A cell is as deep as the square root of its share of the row, so that few mistakes show.
    """
    classes = len(counts)
    cell = min(_CELLS[1], max(_CELLS[0], _SIDE // classes))
    letters = ImageFont.load_default(min(13, max(8, cell - 3)))
    names = [shortened(name, _LETTERS) for name in class_names] if cell >= _NAMED else []
    left = 26 + round(max((letters.getlength(name) for name in names), default=0))
    width, height = left + classes * cell + 16, 72 + classes * cell + (left if names else 24)
    sheet = Image.new("RGB", (max(width, 360), height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((16, 12), title, fill=_INK, font=ImageFont.load_default(15))
    explained = "label down, predicted across; blue is right, orange wrong"
    pen.text((16, 36), explained, fill=_FAINT, font=ImageFont.load_default(12))
    pixels = np.repeat(np.repeat(_colours(counts), cell, axis=0), cell, axis=1)
    sheet.paste(Image.fromarray(pixels), (left, 64))
    for number, name in enumerate(names):
        middle = 64 + number * cell + cell // 2
        pen.text((left - 8, middle), name, fill=_INK, font=letters, anchor="rm")
        below = (left + number * cell + cell // 2, 64 + classes * cell + 6)
        _downwards(sheet, below, name, letters)
    if cell >= _COUNTED:
        _numbers(pen, counts, (left, 64), cell)
    return np.asarray(sheet)


def _colours(counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(K, K, 3)"""
    depth = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[..., np.newaxis]
    right = np.eye(len(counts), dtype=bool)[..., np.newaxis]
    ink = np.where(right, np.array(_RIGHT), np.array(_WRONG))
    found: NDArray[np.uint8] = (255 + (ink - 255) * depth).round().astype(np.uint8)
    return found


def _numbers(
    pen: ImageDraw.ImageDraw, counts: NDArray[np.int64], corner: tuple[int, int], cell: int
) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    font = ImageFont.load_default(12 if cell >= 36 else 9)
    for row, column in np.argwhere(counts > 0):
        place = corner[0] + column * cell + cell // 2, corner[1] + row * cell + cell // 2
        ink = _PAPER if shares[row, column] > 0.4 else _INK
        pen.text(place, str(counts[row, column]), fill=ink, font=font, anchor="mm")


def _downwards(sheet: Image.Image, place: tuple[int, int], name: str, font: Font) -> None:
    """`name` under `place`, turned where it is longer than two letters."""
    _, _, right, bottom = font.getbbox(name)
    label = Image.new("RGB", (max(1, round(right)), max(1, round(bottom) + 2)), _PAPER)
    ImageDraw.Draw(label).text((0, 0), name, fill=_INK, font=font)
    if len(name) > 2:
        label = label.rotate(90, expand=True)
    sheet.paste(label, (place[0] - label.width // 2, place[1]))
