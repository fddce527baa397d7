"""Picture files to uint8 arrays, the same way in training, prediction and serving."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

from kenspeckle.data.source_config import MAX_PIXELS
from kenspeckle.errors import PictureError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_GREY_MODES = ("1", "L", "LA", "La", *_DEEP_MODES)
_ALPHA_MODES = ("LA", "PA", "RGBA", "La", "RGBa")
_ORIENTATION = 0x0112  # of the EXIF tags
_FAILURES = (  # what Pillow and simplejpeg raise for damaged pictures
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    MemoryError,
    struct.error,
)


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a picture says of itself before its pixels."""

    width: int  # after rotation as EXIF says
    height: int
    format: str  # one of FORMATS
    mode: str  # as Pillow calls it: L, RGB, P, CMYK, ...
    is_grey: bool


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture; `pixels` may be reduced, the rest is of the whole."""

    pixels: NDArray[np.uint8]  # (H, W, C) with C = 1 for grey and 3 for colour
    header: Header
    notes: tuple[str, ...]  # of animated, 16-bit, cmyk, palette, alpha, rotated


def read_picture(
    path: Path, *, max_pixels: int = MAX_PIXELS, at_least: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Decode a picture file to (H, W, C) with C = 1 for grey and 3 for colour.

    Rotated as EXIF says; the first frame of an animation; 16 bits scaled to 8; transparent pixels
    laid on white or black, whichever is farther from what is visible. With `at_least` (height,
    width), a JPEG may come reduced, but not below that size. Raises `PictureError` with the name
    of the file where it is no picture, truncated, of another format or too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(
            f"{path}: cannot be read: {error.strerror or error}", reason="unreadable"
        ) from error
    return decode(data, name=str(path), max_pixels=max_pixels, at_least=at_least)


def decode(
    data: bytes,
    *,
    name: str,
    max_pixels: int = MAX_PIXELS,
    at_least: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """`read_picture` for bytes in memory; `name` is what errors call them."""
    return decode_picture(data, name=name, max_pixels=max_pixels, at_least=at_least).pixels


def decode_picture(
    data: bytes,
    *,
    name: str,
    max_pixels: int = MAX_PIXELS,
    at_least: tuple[int, int] | None = None,
) -> Picture:
    """`decode` with what the picture says of itself."""
    with _opened(data, name, max_pixels) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise PictureError(
                f"{name}: {width} x {height} pixels, at most {max_pixels:,} are accepted",
                reason="too-large",
            )
        orientation = _orientation(image)
        found = _header(image, orientation)
        notes = _notes(image, orientation)
        if image.format == "PNG":
            _check_sums(data)
        pixels = _quick_jpeg(data, image, orientation, at_least)
        if pixels is None:
            image.load()
            pixels = _array(ImageOps.exif_transpose(image) if orientation > 1 else image)
        return Picture(pixels=np.ascontiguousarray(pixels), header=found, notes=notes)


def header(data: bytes, *, name: str) -> Header:
    """Size and mode without decoding pixels; raises `PictureError` as `decode` does."""
    with _opened(data, name) as image:
        return _header(image, _orientation(image))


@contextmanager
def _opened(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The picture in `data`, undecoded; what goes wrong with it becomes a `PictureError`."""
    if not data:
        raise PictureError(f"{name}: the file is empty", reason="empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata; what matters is whether the pixels decode
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name}: not a picture; expected {', '.join(FORMATS)}", reason="not-a-picture"
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, before ours is reached
        raise PictureError(
            f"{name}: too many pixels, at most {max_pixels:,} are accepted", reason="too-large"
        ) from error
    except _FAILURES as error:
        text = str(error) or type(error).__name__
        is_cut = any(word in text.lower() for word in ("truncated", "premature", "eof"))
        raise PictureError(
            f"{name}: damaged picture: {text}", reason="truncated" if is_cut else "damaged"
        ) from error


def _orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF says; 1 where it says nothing that makes sense."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _FAILURES:
        return 1
    return value if value in range(1, 9) else 1


def _header(image: Image.Image, orientation: int) -> Header:
    width, height = image.size
    if orientation >= 5:
        width, height = height, width
    return Header(
        width=width,
        height=height,
        format=str(image.format),
        mode=image.mode,
        is_grey=image.mode in _GREY_MODES and "transparency" not in image.info,
    )


def _notes(image: Image.Image, orientation: int) -> tuple[str, ...]:
    has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
    facts = {
        "animated": getattr(image, "n_frames", 1) > 1,
        "16-bit": image.mode in _DEEP_MODES,
        "cmyk": image.mode == "CMYK",
        "palette": image.mode in ("P", "PA"),
        "alpha": has_alpha,
        "rotated": orientation > 1,
    }
    return tuple(note for note, holds in facts.items() if holds)


def _check_sums(data: bytes) -> None:
    """Raise `ValueError` where a critical chunk of a PNG is damaged; Pillow does not look."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        said = int.from_bytes(data[end : end + 4], "big")
        is_whole = end + 4 <= len(data)  # Pillow tells what is cut short
        if kind[:1].isupper() and is_whole and zlib.crc32(data[position + 4 : end]) != said:
            raise ValueError(f"wrong checksum in chunk {kind.decode('ascii', 'replace')}")
        if kind == b"IEND":
            return
        position = end + 4


def _quick_jpeg(
    data: bytes, image: Image.Image, orientation: int, at_least: tuple[int, int] | None
) -> NDArray[np.uint8] | None:
    """A JPEG by libjpeg-turbo, reduced while it is decoded; None for what Pillow does better."""
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    height, width = at_least or (0, 0)
    if orientation >= 5:
        height, width = width, height
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY" if image.mode == "L" else "RGB",
            min_height=height,
            min_width=width,
            min_factor=2,  # the steps between 1 and 1/2 take longer than no reduction
        )
    except ValueError:
        return None  # Pillow decides whether it is damaged
    return _rotated(pixels, orientation)


def _rotated(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What `ImageOps.exif_transpose` does, for arrays."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


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
