"""Small grey pictures of pictures, by which near duplicates are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32  # pixels
_ENOUGH = 160  # pixels along the shorter side


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, C) as (32, 32): grey, antialiased, the proportions squashed."""
    # of large pictures every second row or so: enough; fewer columns would take longer to copy
    step = max(1, min(picture.shape[:2]) // _ENOUGH)
    picture = np.ascontiguousarray(picture[::step])
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    # bilinear because it also enlarges small pictures evenly; the gap halves its time
    reduced = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(reduced)
