"""Picture files to uint8 arrays, the same way in training, prediction and serving."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from kenspeckle.data.picture_bombs import costly, costly_to_open, webp_size
from kenspeckle.data.picture_bytes import check_sums, format_of, is_cut
from kenspeckle.data.picture_colours import DEEP_MODES, GREY_MODES, has_alpha, to_array, turned
from kenspeckle.data.picture_warnings import silenced
from kenspeckle.data.place import MAX_BYTES
from kenspeckle.data.source_config import MAX_PIXELS
from kenspeckle.errors import PictureError
from kenspeckle.foreign import read_regular

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_ORIENTATION = 0x0112  # of the EXIF tags
_BITS_PER_SAMPLE = 258  # of the TIFF tags
_REDUCTIONS = (8, 4, 2)  # that libjpeg-turbo has fast code for; 8/3 takes as long as none
_FAILURES = (  # what Pillow raises for damaged pictures
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# what the user may want to know of a picture that is used; only who knows its name sets the last
Note = Literal["animated", "16-bit", "cmyk", "palette", "alpha", "rotated", "wrong-suffix"]


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
    notes: tuple[Note, ...]


def read_picture(
    path: Path, *, max_pixels: int = MAX_PIXELS, at_least: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Decode a picture file to (H, W, C) with C = 1 for grey and 3 for colour.

    Rotated as EXIF says; the first frame of an animation; grey of 16 bits scaled to 8, of colours
    of 16 bits the upper 8; colour profiles ignored; transparent pixels laid on white or black,
    whichever is farther from what is visible. With `at_least` (height, width), a JPEG may come
    reduced, but not below that size. Raises `PictureError` with the name of the file where it is
    no picture, truncated, of another format or too large.
    """
    return decode(read_file(path), name=str(path), max_pixels=max_pixels, at_least=at_least)


def read_file(path: Path) -> bytes:
    """The bytes of a picture file; `PictureError` where they cannot be had."""
    try:
        return read_regular(path, at_most=MAX_BYTES)
    except OSError as error:
        raise PictureError(
            f"{path}: cannot be read: {error.strerror or error}", reason="unreadable"
        ) from error


def decode(
    data: bytes,
    *,
    name: str,
    max_pixels: int = MAX_PIXELS,
    at_least: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """`read_picture` for bytes in memory; `name` is what errors call them."""
    return decode_picture(data, name=name, max_pixels=max_pixels, reach=lambda _: at_least).pixels


def decode_picture(
    data: bytes,
    *,
    name: str,
    max_pixels: int = MAX_PIXELS,
    reach: Callable[[Header], tuple[int, int] | None] = lambda _: None,
) -> Picture:
    """`decode` with what the picture says of itself.

    `reach` answers to that with `at_least`; what it refuses, by `PictureError`, is not decoded.
    """
    check_size(webp_size(data), name, max_pixels)
    with _opened(data, name, max_pixels) as image:
        check_size(image.size, name, max_pixels)
        excess = costly(data, image)
        if excess:
            raise PictureError(f"{name}: damaged picture: {excess}", reason="damaged")
        if image.format == "PNG":
            check_sums(data)
            image.load()  # its EXIF may lie behind its pixels, and Pillow reads it once
        orientation = _orientation(image)
        found = _header(image, orientation)
        at_least = reach(found)
        pixels = _quick_jpeg(data, image, found, at_least, orientation)
        if pixels is None:
            image.load()
            pixels = to_array(image)
        if image.format != "TIFF":  # which Pillow has turned
            pixels = turned(pixels, orientation)
        return Picture(
            pixels=np.ascontiguousarray(pixels),
            header=found,
            notes=_notes(data, image, orientation),
        )


def header(data: bytes, *, name: str) -> Header:
    """Size and mode without decoding pixels; raises `PictureError` as `decode` does.

    The beginning of a file is enough for most. What a PNG has behind its pixels is not seen.
    """
    with _opened(data, name) as image:
        return _header(image, _orientation(image))


def check_size(size: tuple[int, int] | None, name: str, max_pixels: int) -> None:
    """Raise `PictureError` where `size` (width, height) is more than `max_pixels`."""
    if size and size[0] * size[1] > max_pixels:
        raise PictureError(
            f"{name}: {size[0]} x {size[1]} pixels, at most {max_pixels:,} are accepted",
            reason="too-large",
        )


@contextmanager
def _opened(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The picture in `data`, undecoded; what goes wrong with it becomes a `PictureError`."""
    if not data:
        raise PictureError(f"{name}: the file is empty", reason="empty")
    excess = costly_to_open(data)
    if excess:
        raise PictureError(f"{name}: damaged picture: {excess}", reason="damaged")
    try:
        # Pillow warns of odd metadata; what matters is whether the pixels decode
        with silenced(), _open(data) as image:
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        if is_cut(data):
            raise PictureError(
                f"{name}: damaged picture: it is cut short", reason="truncated"
            ) from error
        raise PictureError(
            f"{name}: not a picture; expected {', '.join(FORMATS)}", reason="not-a-picture"
        ) from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, before ours is reached
        raise PictureError(
            f"{name}: too many pixels, at most {max_pixels:,} are accepted", reason="too-large"
        ) from error
    except MemoryError as error:
        raise PictureError(
            f"{name}: needs more memory than there is", reason="too-large"
        ) from error
    except _FAILURES as error:
        text = " ".join(str(error).split()) or type(error).__name__
        words = ("truncated", "premature", "eof", "end of file")
        cut = is_cut(data) or any(word in text.lower() for word in words)
        raise PictureError(
            f"{name}: damaged picture: {text}", reason="truncated" if cut else "damaged"
        ) from error


def _open(data: bytes) -> Image.Image:
    file = io.BytesIO(data)
    if format_of(data) != "JPEG":
        return Image.open(file, formats=FORMATS)
    try:
        # Image.open would make another format of a photograph with a second picture in its file
        return JpegImagePlugin.JpegImageFile(file)
    except SyntaxError as error:
        raise UnidentifiedImageError("no header of a JPEG") from error


def _orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF says; 1 where it says nothing that makes sense."""
    try:
        if isinstance(image, PngImagePlugin.PngImageFile):
            exif = Image.Image.getexif(image)  # PNG's own would decode the pixels
        else:
            exif = image.getexif()
        value = exif.get(_ORIENTATION, 1)
    except _FAILURES:
        return 1
    return int(value) if value in range(1, 9) else 1


def _header(image: Image.Image, orientation: int) -> Header:
    width, height = image.size
    if orientation >= 5 and image.format != "TIFF":  # whose size Pillow gives as it is shown
        width, height = height, width
    return Header(
        width=width,
        height=height,
        format=str(image.format),
        mode=image.mode,
        is_grey=image.mode in GREY_MODES and "transparency" not in image.info,
    )


def _notes(data: bytes, image: Image.Image, orientation: int) -> tuple[Note, ...]:
    facts: dict[Note, bool] = {
        "animated": _is_animated(image),
        "16-bit": _is_deep(data, image),
        "cmyk": image.mode == "CMYK",
        "palette": image.mode in ("P", "PA"),
        "alpha": has_alpha(image),
        "rotated": orientation > 1,
    }
    return tuple(note for note, holds in facts.items() if holds)


def _is_animated(image: Image.Image) -> bool:
    """Whether there is a second frame; they are not counted, because there may be millions."""
    with suppress(*_FAILURES):  # damage behind the first frame
        return bool(getattr(image, "is_animated", False))
    return False


def _is_deep(data: bytes, image: Image.Image) -> bool:
    """Whether a channel has more than 8 bits, which Pillow hides where there are several."""
    if image.format == "PNG":
        return data[24:25] == b"\x10"
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())
        return any(count > 8 for count in bits)
    return image.mode in DEEP_MODES


def _quick_jpeg(
    data: bytes,
    image: Image.Image,
    found: Header,
    at_least: tuple[int, int] | None,
    orientation: int,
) -> NDArray[np.uint8] | None:
    """A JPEG by libjpeg-turbo, reduced while it is decoded; None for what Pillow does better."""
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    height, width = _reduced(found, at_least) if at_least else (0, 0)
    if orientation >= 5:
        height, width = width, height
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data,
            colorspace="GRAY" if image.mode == "L" else "RGB",
            min_height=height,
            min_width=width,
        )
    except ValueError:
        return None  # Pillow decides whether it is damaged
    return pixels


def _reduced(found: Header, at_least: tuple[int, int]) -> tuple[int, int]:
    """(height, width), the smallest that covers `at_least`; zeros for the picture in full."""
    for factor in _REDUCTIONS:
        size = -(-found.height // factor), -(-found.width // factor)
        is_whole = min(found.height, found.width) >= factor  # less would be mixed with padding
        if is_whole and size[0] >= at_least[0] and size[1] >= at_least[1]:
            return size
    return 0, 0
