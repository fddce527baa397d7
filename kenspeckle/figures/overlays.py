"""Pictures without letters, for a page: a map to lay over a picture, a layer as a sheet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.figures.pictures import balanced, heat
from kenspeckle.figures.saliency import coarse

_TOP = 99.5  # percentile of absolute values that has the full colour; a few pixels may exceed it
_STRONGEST = 0.9  # of the picture that the strongest value of amounts covers
_CELL = 32  # pixels a side, of the largest map on a sheet
_LEAST = 12  # pixels a side, of the smallest, so that the gaps look alike
_GAP = 1  # pixels between maps, transparent
_ACROSS = 32  # cells in a row of a sheet of single numbers


def overlay(values: NDArray[Any], *, signed: bool) -> NDArray[np.uint8]:
    """`values` (H, W) as (H, W, 4): colour where they are large, transparent where they are zero.

    Signed ones are red above zero and blue below.
    """
    values = coarse(np.asarray(values, dtype=np.float64))
    top = float(np.percentile(np.abs(values), _TOP)) or float(np.abs(values).max())
    strength = np.clip(np.abs(values) / (top or 1.0), 0, 1)
    if signed:
        colours = balanced(np.where(values == 0, 0, np.sign(values)) * (0.45 + 0.3 * strength), 1.0)
        return _bytes(np.dstack([colours, np.sqrt(strength)]))
    return _bytes(np.dstack([heat(values, top), _STRONGEST * np.sqrt(strength)]))


def map_sheet(maps: NDArray[np.float32], *, across: int = 8) -> NDArray[np.uint8]:
    """`maps` (C, H, W) side by side on one scale of colours: (rows, columns, 4)."""
    small = np.stack([_sized(values) for values in maps])
    colours = balanced if small.min() < 0 else heat
    cells = _opaque(colours(small, float(np.abs(small).max())))
    height, width = cells[0].shape[:2]
    columns = min(across, len(cells))
    rows = math.ceil(len(cells) / columns)
    sheet = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 4), np.uint8)
    for number, cell in enumerate(cells):
        top, left = (number // columns) * (height + _GAP), (number % columns) * (width + _GAP)
        sheet[top : top + height, left : left + width] = cell
    return sheet


def number_sheet(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`values` (D,), a cell for each in rows of 32: (rows, columns, 4)."""
    columns = min(_ACROSS, len(values))
    return map_sheet(values[:, None, None], across=columns)


def _sized(values: NDArray[np.float32]) -> NDArray[np.float32]:
    longest = max(values.shape)
    if longest <= _CELL:
        times = -(-_LEAST // longest)
        return values.repeat(times, axis=0).repeat(times, axis=1)
    height, width = (max(1, round(extent * _CELL / longest)) for extent in values.shape)
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BOX))


def _opaque(colours: NDArray[np.float64]) -> NDArray[np.uint8]:
    return _bytes(np.concatenate([colours, np.ones((*colours.shape[:-1], 1))], axis=-1))


def _bytes(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
