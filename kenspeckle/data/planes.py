"""Single planes of a picture, (H, W) in 0..255: resampling and rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]  # (H, W), 0..255


def resample(plane: Plane, height: int, width: int) -> Plane:
    """Scale with antialiasing; a plane of this size already is returned as it is."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)


def to_bytes(plane: Plane) -> NDArray[np.uint8]:
    """Rounded, and clipped to 0..255."""
    return np.round(np.clip(plane, 0, 255)).astype(np.uint8)
