"""A picture as Pillow decoded it, of whatever colour mode, to an array of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat

DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
ALPHA_MODES = ("LA", "PA", "RGBA", "La", "RGBa")
GREY_MODES = ("1", "L", "LA", "La", *DEEP_MODES)
_BLOCK = 1 << 20  # pixels of 16 and more bits that are scaled at a time, which bounds the memory


def has_alpha(image: Image.Image) -> bool:
    """Whether a pixel of it may be transparent."""
    return image.mode in ALPHA_MODES or "transparency" in image.info


def to_array(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, C), C = 1 for grey and 3 for colour; colour profiles are ignored.

    Raises `ValueError` where a level has no place among 8 bits.
    """
    if image.mode in DEEP_MODES:
        return _to_8_bits(np.asarray(image))[..., np.newaxis]
    if image.mode == "1" or (image.mode == "L" and "transparency" not in image.info):
        return np.asarray(image.convert("L"))[..., np.newaxis]
    if has_alpha(image):
        return _on_background(image.convert("RGBA"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """`pixels` (H, W, C) as the `orientation` of EXIF, 1 to 8, wants them shown."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _to_8_bits(deep: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale 16-bit and floating-point grey to 0..255; Pillow would clip them to white."""
    # numpy's minimum of an array with NaN is NaN
    least, most = float(deep.min()), float(deep.max())
    if not np.isfinite([least, most]).all():
        raise ValueError("NaN or infinity among its pixels")
    if deep.dtype.kind == "f" and least >= 0 and most <= 1:
        top = 1.0
    elif deep.dtype.kind == "f" and least >= 0 and most <= 255:
        top = 255.0
    elif least >= 0 and most <= 65535:
        top = 65535.0
    else:
        raise ValueError(f"pixels from {least:g} to {most:g}, expected 0 to 65535")
    scaled = np.empty(deep.shape, dtype=np.uint8)
    for rows in _blocks(deep.shape):
        scaled[rows] = np.round(deep[rows].astype(np.float64) * (255 / top))
    return scaled


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    count = max(1, _BLOCK // shape[1])
    for start in range(0, shape[0], count):
        yield slice(start, start + count)


def _on_background(image: Image.Image) -> NDArray[np.uint8]:
    """Lay an RGBA picture on white or black, whichever contrasts more with what is visible."""
    alpha = image.getchannel("A")
    visible = ImageStat.Stat(alpha).sum[0]
    # of a picture laid on black the sum is that of colour times alpha
    on_black = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image).convert("RGB")
    mean = sum(ImageStat.Stat(on_black).sum) * 255 / (3 * visible) if visible else 0.0
    if mean >= 128:
        return np.asarray(on_black)
    on_white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(on_white.convert("RGB"))
