"""What a picture says of itself, and why one is refused: a header and a reason code."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from kenspeckle.data.decode import decode, decode_picture, header, read_picture
from kenspeckle.data.listing import REASONS
from kenspeckle.errors import DataError, PictureError


def photograph(width, height, channels=3, seed=0):
    """Smooth shapes with grain."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, channels)).astype(np.uint8).squeeze())
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return Image.fromarray(np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype("u1"))


def failure(data, **options):
    with pytest.raises(PictureError) as caught:
        decode(data, name="x", **options)
    assert isinstance(caught.value, DataError)
    assert caught.value.reason in REASONS
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "tiff_lzw", "big_tiff": True}),
    ],
)
@pytest.mark.parametrize("left", [0.3, 0.6, 0.98])
def test_a_truncated_file_of_any_format_is_told_from_a_damaged_one(form, options, left):
    buffer = io.BytesIO()
    photograph(80, 60).save(buffer, form, **options)
    assert failure(buffer.getvalue()[: int(left * buffer.tell())]).reason == "truncated"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"no picture", "not-a-picture"),
        (b"\x1f\x8b\x08" + bytes(40), "not-a-picture"),
        (b"\xff\xd8\xff" + bytes(40), "not-a-picture"),
    ],
)
def test_other_failures_have_their_own_reasons(data, reason):
    assert failure(data).reason == reason


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(PictureError) as caught:
        read_picture(tmp_path / "gone.jpg")
    assert caught.value.reason == "unreadable"


def test_damage_in_the_middle_is_damage():
    buffer = io.BytesIO()
    photograph(80, 60).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[len(data) // 2] ^= 255
    assert failure(bytes(data)).reason == "damaged"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_header_is_that_of_the_decoded_picture(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    photograph(90, 60).save(buffer, form, exif=exif)
    found = decode_picture(buffer.getvalue(), name="x")
    assert header(buffer.getvalue(), name="x") == found.header
    assert (found.header.height, found.header.width) == found.pixels.shape[:2]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_the_beginning_of_a_file_is_enough_for_its_header(form):
    buffer = io.BytesIO()
    photograph(300, 200).save(buffer, form)
    assert header(buffer.getvalue()[:5000], name="x") == header(buffer.getvalue(), name="x")


@pytest.mark.parametrize("place", [0, 15, 16, 1 << 31, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_directory_of_a_tiff_that_lies_anywhere_is_refused(place, order):
    mark = b"II+\0" if order == "<" else b"MM\0+"
    data = mark + struct.pack(f"{order}HHQ", 8, 0, place) + bytes(24)
    assert failure(data).reason in ("truncated", "not-a-picture")
