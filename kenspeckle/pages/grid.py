"""Pictures side by side."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GAP = 2  # pixels between two pictures
_PAPER = 255


def grid(images: NDArray[np.uint8], *, columns: int) -> NDArray[np.uint8]:
    """(N, H, W, C) as one RGB picture (height, width, 3) with `columns` in each row."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3)
    sheet = np.full(size, _PAPER, dtype=np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        sheet[top : top + height, left : left + width] = image  # grey spreads over the channels
    return sheet


def png(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()
