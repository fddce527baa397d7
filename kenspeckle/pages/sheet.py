"""A sheet of predictions: each picture, what the network saw of it, and the answer."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from kenspeckle.pages.squares import shortened, square
from kenspeckle.storage import write_file

if TYPE_CHECKING:
    from kenspeckle.prediction import Prediction

COLUMNS = 5
_TILE, _GAP, _MARGIN, _LINE = 112, 8, 20, 22  # pixels
_CELL_WIDTH = 2 * _TILE + _GAP
_CELL_HEIGHT = _TILE + 2 * _LINE + _GAP
_PAPER, _INK, _FAINT, _UNSURE = "#ffffff", "#1a1a1a", "#6b6b6b", "#b3261e"
_SURE = 0.9  # below this the answer is printed in the colour of doubt, and with a question mark


def write_sheet(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write a PNG, durably; pictures that could not be used show their error."""
    buffer = io.BytesIO()
    draw_sheet(predictions).save(buffer, format="PNG")
    write_file(path, buffer.getvalue())


def draw_sheet(predictions: Sequence[Prediction]) -> Image.Image:
    """One cell for each prediction: the picture, the network's input, answer and runner-up."""
    columns = min(COLUMNS, max(1, len(predictions)))
    rows = -(-len(predictions) // columns)
    width = 2 * _MARGIN + columns * _CELL_WIDTH + (columns - 1) * _MARGIN
    height = 2 * _MARGIN + rows * _CELL_HEIGHT + max(0, rows - 1) * _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    for number, prediction in enumerate(predictions):
        row, column = divmod(number, columns)
        left = _MARGIN + column * (_CELL_WIDTH + _MARGIN)
        top = _MARGIN + row * (_CELL_HEIGHT + _MARGIN)
        _draw_cell(sheet, prediction, left, top)
    return sheet


def _draw_cell(sheet: Image.Image, prediction: Prediction, left: int, top: int) -> None:
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(17), ImageFont.load_default(13)
    below = top + _TILE + _GAP
    name = shortened(Path(prediction.path).name, 32)
    if prediction.error or prediction.picture is None or prediction.seen is None:
        pen.rectangle((left, top, left + _CELL_WIDTH, top + _TILE), outline=_FAINT)
        pen.text((left + 8, top + 8), _wrapped(prediction.error, 34), fill=_UNSURE, font=small)
        pen.text((left, below), name, fill=_FAINT, font=small)
        return
    sheet.paste(square(prediction.picture, _TILE, Image.Resampling.BILINEAR), (left, top))
    # nearest: every pixel that the network saw stays visible as a square
    sheet.paste(
        square(prediction.seen, _TILE, Image.Resampling.NEAREST), (left + _TILE + _GAP, top)
    )
    sure = prediction.probability >= _SURE
    answer = f"{prediction.label}{'' if sure else '?'}  {prediction.probability:.1%}"
    pen.text((left, below), shortened(answer, 28), fill=_INK if sure else _UNSURE, font=large)
    second = f"or {prediction.runner_up} {prediction.runner_up_probability:.1%}"
    pen.text((left + _TILE + _GAP, below + 3), shortened(second, 18), fill=_FAINT, font=small)
    pen.text((left, below + _LINE), name, fill=_FAINT, font=small)


def _wrapped(text: str, width: int) -> str:
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return "\n".join(lines[:6])
