"""Picture files to arrays: exact where the format is lossless, one line where it is no picture."""

import os
import struct

import numpy as np
import pytest
from mutations import MEGABYTE, traced_peak
from picture_files import encoded, png
from PIL import Image

from kenspeckle.data.decode import MAX_PIXELS, SUFFIXES, decode, read_picture
from kenspeckle.errors import DataError


def noise(*shape, top=256, kind=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


GREY = noise(6, 9)
COLOUR = noise(6, 9, 3)
DEEP = noise(6, 9, top=65536, kind=np.uint16)
BLOB = np.kron(noise(3, 4), np.ones((16, 16))).astype(np.uint8)  # what JPEG keeps well


def refusal(data, **options):
    with pytest.raises(DataError) as caught:
        decode(data, name="x.png", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_grey_pictures_are_exact_and_have_one_channel(form):
    found = decode(encoded(GREY, form), name="x")
    assert found.dtype == np.uint8
    assert np.array_equal(found, GREY[..., np.newaxis])


def test_grey_gif_is_exact_in_all_channels_because_gif_knows_palettes_alone():
    found = decode(encoded(GREY, "GIF"), name="x")
    assert np.array_equal(found, np.repeat(GREY[..., np.newaxis], 3, axis=2))


@pytest.mark.parametrize(
    ("form", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_colour_pictures_are_exact_and_have_three_channels(form, options):
    found = decode(encoded(COLOUR, form, **options), name="x")
    assert found.dtype == np.uint8
    assert np.array_equal(found, COLOUR)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_black_and_white_becomes_0_and_255(form):
    found = decode(encoded(Image.fromarray(GREY > 127), form), name="x")
    assert np.array_equal(found[..., 0], (GREY > 127) * 255)


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP"])
def test_a_palette_is_resolved(form):
    palette = noise(256, 3, seed=1)
    image = Image.fromarray(GREY)
    image = image.convert("P")
    image.putpalette(palette.tobytes())
    assert np.array_equal(decode(encoded(image, form), name="x"), palette[GREY])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(DEEP, "PNG"), DEEP),
        (encoded(DEEP, "TIFF"), DEEP),
        (encoded(Image.frombytes("I;16B", (9, 6), DEEP.astype(">u2").tobytes()), "TIFF"), DEEP),
        (encoded(Image.fromarray(DEEP.astype(np.int32)), "TIFF"), DEEP),
        (encoded((DEEP / 65535).astype(np.float32), "TIFF"), DEEP),
        (encoded(DEEP.astype(np.float32), "TIFF"), DEEP),
    ],
    ids=["16-bit PNG", "16-bit TIFF", "big-endian TIFF", "32-bit TIFF", "0 to 1", "0 to 65535"],
)
def test_more_than_8_bits_keep_their_levels(data, expected):
    found = decode(data, name="x")
    assert np.array_equal(found[..., 0], np.round(expected / 257))


def test_floating_point_pictures_of_0_to_255_keep_their_levels():
    found = decode(encoded(GREY.astype(np.float32), "TIFF"), name="x")
    assert np.array_equal(found[..., 0], GREY)


def test_16_bits_for_each_of_three_colours_lose_their_lower_bytes():
    deep = noise(6, 9, 3, top=65536, kind=">u2")
    data = png((9, 6), depth=16, colour=2, rows=[row.tobytes() for row in deep])
    assert np.array_equal(decode(data, name="x"), deep >> 8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 70000.0])
def test_pixels_without_a_grey_level_are_refused(value):
    picture = np.ones((4, 4), np.float32)
    picture[1, 2] = value
    assert refusal(encoded(picture, "TIFF")).startswith("x.png: damaged picture: ")


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_jpeg_is_as_near_as_its_quality(options):
    found = decode(encoded(BLOB, "JPEG", quality=95, **options), name="x")
    assert found.shape == (48, 64, 1)
    assert np.abs(found[..., 0].astype(int) - BLOB).max() <= 4


def test_cmyk_jpeg_becomes_colour():
    colour = np.kron(noise(3, 4, 3), np.ones((16, 16, 1))).astype(np.uint8)
    image = Image.fromarray(colour).convert("CMYK")
    found = decode(encoded(image, "JPEG", quality=95, subsampling=0), name="x")
    assert found.shape == (48, 64, 3)
    assert np.abs(found.astype(int) - colour).max() <= 16


ORIENTED = {
    1: GREY,
    2: np.fliplr(GREY),
    3: np.rot90(GREY, 2),
    4: np.flipud(GREY),
    5: GREY.T,
    6: np.rot90(GREY, -1),
    7: np.rot90(GREY, 2).T,
    8: np.rot90(GREY),
}


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", ORIENTED)
def test_pictures_are_turned_as_exif_says(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = decode(encoded(GREY, form, exif=exif), name="x")
    assert np.array_equal(found[..., 0], ORIENTED[orientation])


def test_an_unknown_orientation_is_none():
    exif = Image.Exif()
    exif[0x0112] = 77
    assert np.array_equal(decode(encoded(GREY, "PNG", exif=exif), name="x")[..., 0], GREY)


@pytest.mark.parametrize(
    ("form", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})]
)
def test_the_first_frame_stands_for_an_animation(form, options):
    frames = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (40, 200, 90)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    found = decode(data, name="x")
    assert found.shape == (8, 8, 3)
    assert (found == 40).all()


def drawing(ink):
    """A picture of `ink` in its middle and nothing around it: (level, alpha)."""
    picture = np.zeros((8, 8, 2), np.uint8)
    picture[2:6, 2:6] = ink, 255
    return picture


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (60, 255), (255, 0), (200, 0)])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_becomes_paper_that_contrasts_with_the_ink(mode, ink, paper):
    image = Image.fromarray(drawing(ink)).convert(mode)
    found = decode(encoded(image, "PNG"), name="x")
    assert found.shape == (8, 8, 3)
    assert (found[2:6, 2:6] == ink).all()
    assert (found[0] == paper).all()


@pytest.mark.parametrize(
    ("form", "options"), [("WEBP", {"lossless": True}), ("TIFF", {}), ("PNG", {})]
)
def test_every_format_with_transparency_gets_its_paper(form, options):
    data = encoded(Image.fromarray(drawing(0)).convert("RGBA"), form, **options)
    assert (decode(data, name="x")[0] == 255).all()


def test_half_transparent_ink_is_mixed_with_the_paper():
    picture = drawing(0)
    picture[2:6, 2:6, 1] = 51  # a fifth
    assert (decode(encoded(picture, "PNG"), name="x")[2:6, 2:6] == 204).all()


@pytest.mark.parametrize("form", ["PNG", "GIF"])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_a_transparent_colour_of_a_palette_becomes_paper(form, ink, paper):
    image = Image.fromarray((drawing(ink)[..., 1] > 0).astype(np.uint8)).convert("P")
    image.putpalette([128, 128, 128, ink, ink, ink])
    found = decode(encoded(image, form, transparency=0), name="x")
    assert (found[2:6, 2:6] == ink).all()
    assert (found[0] == paper).all()


def test_a_transparent_level_of_a_grey_picture_becomes_paper():
    picture = np.full((8, 8), 7, np.uint8)
    picture[2:6, 2:6] = 250
    found = decode(encoded(picture, "PNG", transparency=7), name="x")
    assert (found[2:6, 2:6] == 250).all()
    assert (found[0] == 0).all()


def test_a_picture_without_a_visible_pixel_is_decoded():
    picture = np.zeros((4, 4, 4), np.uint8)
    assert len(np.unique(decode(encoded(picture, "PNG"), name="x"))) == 1


def test_an_empty_file_is_refused():
    assert refusal(b"") == "x.png: the file is empty"


@pytest.mark.parametrize("data", [b"hello", b"\0" * 100, b"%PDF-1.4 ....", b"<svg/>"])
def test_what_is_no_picture_is_refused_with_the_formats(data):
    assert refusal(data) == "x.png: not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.5, 0.8, 0.97])
def test_a_truncated_picture_is_refused_and_not_filled_with_grey(form, kept):
    data = encoded(noise(40, 40), form)
    assert "x.png: " in refusal(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "data",
    [
        png((50_000, 50_000), depth=8, colour=0, rows=[]),
        png((50_000, 50_000), depth=8, colour=6, rows=[]),
        png((12_000, 12_000), depth=16, colour=6, rows=[]),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0),
        b"BM"
        + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
    ids=["grey PNG", "colour PNG", "deep PNG", "GIF", "BMP"],
)
def test_a_header_that_claims_too_many_pixels_is_refused_without_allocating(data):
    peak, message = traced_peak(lambda: refusal(data))
    assert message.startswith("x.png: ")
    assert peak < MEGABYTE


def test_the_limit_of_pixels_is_exact_and_named():
    assert decode(encoded(GREY, "PNG"), name="x", max_pixels=54).shape == (6, 9, 1)
    assert refusal(encoded(GREY, "PNG"), max_pixels=53) == (
        "x.png: 9 x 6 pixels, at most 53 are accepted"
    )


@pytest.mark.parametrize("side", [12_000, 20_000, 50_000])
def test_a_picture_over_the_limit_is_told_the_limit(side):
    data = png((side, side), depth=8, colour=0, rows=[])
    assert refusal(data).endswith(f" pixels, at most {MAX_PIXELS:,} are accepted")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path, make, reason):
    path = tmp_path / "digit.png"
    make(path)
    with pytest.raises(DataError) as caught:
        read_picture(path)
    assert str(caught.value) == f"{path}: cannot be read: {reason}"


@pytest.fixture
def unprivileged():
    """Let the superuser run the test as nobody."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_file_that_may_not_be_read_is_named_with_the_reason(tmp_path, request):
    path = tmp_path / "digit.png"
    path.write_bytes(encoded(GREY, "PNG"))
    path.chmod(0)
    request.getfixturevalue("unprivileged")
    with pytest.raises(DataError) as caught:
        read_picture(path)
    assert str(caught.value) == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_content_decides_and_not_the_name(tmp_path, suffix):
    path = tmp_path / f"digit{suffix}"
    path.write_bytes(encoded(GREY, "PNG"))
    assert np.array_equal(read_picture(path)[..., 0], GREY)
