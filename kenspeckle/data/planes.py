"""Single planes of a picture, (H, W) in 0..255: luminance, resampling and rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]  # (H, W), 0..255


_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's convert("L")


def grey(picture: NDArray[np.uint8]) -> Plane:
    """The luminance of (H, W, C), C = 1 or 3, as (H, W) in 0..255."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float64)
    luminance: Plane = picture @ _LUMA
    return luminance


def resample(plane: Plane, height: int, width: int) -> Plane:
    """Scale with antialiasing; a plane of this size already is returned as it is."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)


def to_bytes(plane: Plane) -> NDArray[np.uint8]:
    """Rounded, and clipped to 0..255."""
    return np.round(np.clip(plane, 0, 255)).astype(np.uint8)
