"""A picture in a square of a sheet, and text that fits beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BACK = "#ededed"


def square(
    pixels: NDArray[np.uint8], side: int, resampling: Image.Resampling | None = None
) -> Image.Image:
    """All of `pixels` (H, W, C), undistorted, in a square of `side`.

    By default the pixels of small pictures stay visible as squares.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if resampling is None:
        resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    sheet = Image.new("RGB", (side, side), _BACK)
    sheet.paste(image.resize(size, resampling), ((side - size[0]) // 2, (side - size[1]) // 2))
    return sheet


def printable(text: str) -> str:
    """`text` with a question mark for what no font can draw, such as bytes that are no text."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def shortened(text: str, length: int) -> str:
    """`text`, printable, in at most `length` characters."""
    text = printable(text)
    return text if len(text) <= length else f"{text[: length - 1]}…"
