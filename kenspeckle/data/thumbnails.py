"""Small grey pictures of pictures, by which near duplicates are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32  # pixels


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, C) as (32, 32): grey, antialiased, the proportions squashed."""
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    # bilinear because it also enlarges small pictures evenly; the gap halves its time
    reduced = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(reduced)
