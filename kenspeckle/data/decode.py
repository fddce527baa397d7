"""Picture files to uint8 arrays, the same way in training, prediction and serving."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from kenspeckle.errors import DataError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
MAX_PIXELS = (
    100_000_000  # 300 MB as RGB; the largest phone cameras have 200 million, then downscale
)
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture file to (H, W, C) with C = 1 for grey and 3 for colour.

    Rotated as EXIF says; the first frame of an animation; 16 bits scaled to 8; transparent pixels
    laid on white or black, whichever is farther from what is visible. Raises `DataError` with the
    name of the file where it is no picture, truncated, of another format or too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return decode(data, name=str(path), max_pixels=max_pixels)


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """`read_picture` for bytes in memory; `name` is what errors call them."""
    if not data:
        raise DataError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata; what matters is whether the pixels decode
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise DataError(
                        f"{name}: {width} x {height} pixels, at most {max_pixels:,} are accepted"
                    )
                image.load()
                return _array(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: not a picture; expected {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, before ours is reached
        raise DataError(f"{name}: too many pixels, at most {max_pixels:,} are accepted") from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        MemoryError,
        struct.error,
    ) as error:
        raise DataError(f"{name}: damaged picture: {error or type(error).__name__}") from error


def _array(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _DEEP_MODES:
        return _to_8_bits(np.asarray(image))[..., np.newaxis]
    if image.mode == "1" or (image.mode == "L" and "transparency" not in image.info):
        return np.asarray(image.convert("L"))[..., np.newaxis]
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        return _on_background(image.convert("RGBA"))
    colour = np.asarray(image.convert("RGB"))
    return colour


def _to_8_bits(deep: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale 16-bit and floating-point grey to 0..255; Pillow would clip them to white."""
    values = deep.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinity among its pixels")
    if deep.dtype.kind == "f" and values.min() >= 0 and values.max() <= 1:
        top = 1.0
    elif deep.dtype.kind == "f" and values.min() >= 0 and values.max() <= 255:
        top = 255.0
    elif values.min() >= 0 and values.max() <= 65535:
        top = 65535.0
    else:
        raise ValueError(f"pixels from {values.min():g} to {values.max():g}, expected 0 to 65535")
    return np.round(values * (255 / top)).astype(np.uint8)


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
