"""Single planes of a picture, (H, W) in 0..255: luminance, resampling and rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]  # (H, W), 0..255


LUMA = (299, 587, 114)  # thousandths: ITU-R BT.601, as Pillow's convert("L")


def grey(picture: NDArray[np.uint8]) -> Plane:
    """The luminance of (H, W, C), C = 1 or 3, as (H, W) in 0..255."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float64)
    # whole numbers: a sum of fractions depends on the processor where it is to be rounded
    red, green, blue = (picture[..., band].astype(np.int32) for band in range(3))
    thousandths = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return thousandths.astype(np.float64) / 1000


def resample(
    plane: NDArray[Any],
    height: int,
    width: int,
    *,
    box: tuple[float, float, float, float] | None = None,
) -> Plane:
    """Scale a plane, or the part of it in `box` (left, top, right, bottom), with antialiasing."""
    if plane.shape == (height, width) and box is None:
        return plane.astype(np.float64, copy=False)
    image = Image.fromarray(plane.astype(np.float32))
    scaled = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(scaled, dtype=np.float64)


def to_bytes(plane: Plane) -> NDArray[np.uint8]:
    """Rounded, and clipped to 0..255."""
    return np.round(np.clip(plane, 0, 255)).astype(np.uint8)
