"""JPEG by libjpeg-turbo: the same pixels as Pillow's in full, a whole step smaller where asked."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from kenspeckle.data.decode import decode, decode_picture, header, read_picture
from kenspeckle.data.framing import decode_for, views, with_channels
from kenspeckle.data.listing import REASONS
from kenspeckle.data.picture_bombs import MAX_SCANS
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import DataError, PictureError


def photograph(width, height, channels=3, seed=0):
    """Smooth shapes with grain."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, channels)).astype(np.uint8).squeeze())
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return Image.fromarray(np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype("u1"))


def jpeg(image, orientation=1, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **({"exif": exif} if orientation > 1 else {}), **options)
    return buffer.getvalue()


def by_pillow(data):
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image))
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def means(pixels, factor):
    """Of each block of `factor` x `factor` pixels, the mean; whole blocks alone."""
    height, width = (side // factor * factor for side in pixels.shape[:2])
    blocks = pixels[:height, :width].astype(float)
    return blocks.reshape(height // factor, factor, width // factor, factor, -1).mean(axis=(1, 3))


SIZES = [(1, 1), (1, 9), (9, 1), (8, 8), (16, 16), (17, 15), (31, 64), (101, 75), (500, 375)]
KINDS = {
    "4:2:0": {"subsampling": 2},
    "4:2:2": {"subsampling": 1},
    "4:4:4": {"subsampling": 0},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0},
    "optimized": {"optimize": True},
    "quality 30": {"quality": 30},
    "quality 100": {"quality": 100},
    "restart markers": {"restart_marker_blocks": 3},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_in_full_every_bit_is_that_of_pillow(size, channels, options):
    data = jpeg(photograph(*size, channels), **options)
    found = decode(data, name="x")
    assert found.shape == (size[1], size[0], channels)
    assert np.array_equal(found, by_pillow(data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_in_full_it_is_turned_as_pillow_turns_it(orientation):
    data = jpeg(photograph(33, 18), orientation)
    found = decode_picture(data, name="x")
    assert np.array_equal(found.pixels, by_pillow(data))
    assert (found.header.height, found.header.width) == found.pixels.shape[:2]
    assert ("rotated" in found.notes) == (orientation > 1)


def test_a_photograph_with_a_second_picture_in_its_file_is_a_jpeg():
    pictures = [photograph(40, 24, seed=seed) for seed in (0, 1)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "MPO", save_all=True, append_images=pictures[1:])
    found = decode_picture(buffer.getvalue(), name="x")
    assert (found.header.format, found.notes) == ("JPEG", ())
    assert np.array_equal(found.pixels, by_pillow(buffer.getvalue()))


@pytest.mark.parametrize(
    ("at_least", "factor"),
    [
        (None, 1),
        ((304, 400), 1),
        ((153, 10), 1),
        ((10, 201), 1),
        ((152, 200), 2),
        ((114, 10), 2),  # 3/8 would cover it and take as long as the whole
        ((77, 100), 2),
        ((76, 101), 2),
        ((76, 100), 4),
        ((39, 50), 4),
        ((38, 50), 8),
        ((1, 1), 8),
        ((1000, 1000), 1),
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_the_smallest_reduction_that_covers_what_is_needed_is_chosen(at_least, factor, orientation):
    size = (400, 304) if orientation < 5 else (304, 400)
    data = jpeg(photograph(*size), orientation, quality=95, subsampling=0)
    found = decode(data, name="x", at_least=at_least)
    assert found.shape[:2] == (304 // factor, 400 // factor)
    whole = by_pillow(data)
    if factor == 1:
        assert np.array_equal(found, whole)
    else:
        assert np.abs(found - means(whole, factor)).mean() < 2
        turned_wrongly = np.rot90(found, 2)
        assert np.abs(turned_wrongly - means(whole, factor)).mean() > 10


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(401, 299), (65, 33), (16, 200), (7, 100), (1, 300)])
@pytest.mark.parametrize("at_least", [(1, 1), (20, 20), (33, 9), (100, 100)])
def test_a_reduced_picture_covers_what_is_needed_or_is_whole(size, channels, at_least):
    data = jpeg(photograph(*size, channels))
    height, width = decode(data, name="x", at_least=at_least).shape[:2]
    assert (height, width) == size[::-1] or (height >= at_least[0] and width >= at_least[1])


def test_other_formats_come_in_full():
    buffer = io.BytesIO()
    photograph(64, 48).save(buffer, "PNG")
    assert decode(buffer.getvalue(), name="x", at_least=(6, 8)).shape == (48, 64, 3)


def test_a_file_gives_the_same_reduced_pixels_as_its_bytes(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(photograph(200, 150), 6))
    options = {"at_least": (40, 30)}
    found = read_picture(path, **options)
    assert found.shape == (50, 38, 3)
    assert np.array_equal(found, decode(path.read_bytes(), name="x", **options))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("resize", (75, 100)), ("crop", (75, 100)), ("pad", (75, 100)), ("ink", (300, 400))],
)
def test_a_picture_is_decoded_no_larger_than_the_input_needs(kind, shape):
    config = PreprocessConfig(kind=kind, height=56, width=56)
    data = jpeg(photograph(400, 300))
    assert decode_for(data, config, name="x").pixels.shape[:2] == shape


def test_what_the_network_sees_hardly_depends_on_the_reduction():
    config = PreprocessConfig(kind="crop", height=56, width=56)
    data = jpeg(photograph(400, 300), quality=95)
    reduced = views(with_channels(decode_for(data, config, name="x").pixels, 3), config)
    whole = views(with_channels(decode(data, name="x"), 3), config)
    assert np.abs(reduced.astype(int) - whole).mean() < 2


def test_a_strip_that_would_be_enlarged_beyond_measure_is_refused():
    config = PreprocessConfig(kind="crop", height=224, width=224)
    buffer = io.BytesIO()
    Image.new("L", (100_000, 1)).save(buffer, "PNG")
    with pytest.raises(PictureError) as caught:
        decode_for(buffer.getvalue(), config, name="x.png")
    assert caught.value.reason == "too-large"
    assert str(caught.value) == (
        "x.png: 100000 x 1 pixels would be scaled to 22400000 x 224, at most 100,000,000 pixels "
        'are accepted; preprocess.kind "pad" or "resize" takes such strips'
    )


BROKEN_EXIF = {
    "no directory": b"Exif\0\0",
    "cut header": b"Exif\0\0II*",
    "far directory": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "many entries": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 20,
    "huge count": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\0\x06\0\0\0\0\0\0",
    "text": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02six\0\0\0\0\0",
    "orientation 0": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0",
    "orientation 9": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0\0\0\0\0",
    "nonsense": b"Exif\0\0" + bytes(range(256)),
    "zero division": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\0\0\0\x1a\0\0\0\0"
    b"\0\0\0\x06\0\0\0\0",
}


@pytest.mark.parametrize("exif", BROKEN_EXIF.values(), ids=BROKEN_EXIF)
def test_broken_exif_changes_nothing(exif):
    plain = jpeg(photograph(24, 16))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert np.array_equal(decode(data, name="x"), decode(plain, name="x"))
    assert header(data, name="x") == header(plain, name="x")


def test_the_control_of_broken_exif_is_turned():
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    plain = jpeg(photograph(24, 16))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert decode(data, name="x").shape == (24, 16, 3)


def failure(data, **options):
    with pytest.raises(PictureError) as caught:
        decode(data, name="x.jpg", **options)
    assert isinstance(caught.value, DataError)
    assert caught.value.reason in REASONS
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("at_least", [None, (5, 5)])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("left", [0.5, 0.9, 0.99])
def test_a_truncated_jpeg_is_refused_by_both_decoders(left, progressive, at_least):
    data = jpeg(photograph(80, 60), progressive=progressive)
    error = failure(data[: int(len(data) * left)], at_least=at_least)
    assert error.reason == "truncated"
    assert str(error).startswith("x.jpg: damaged picture: ")


def test_a_jpeg_without_its_last_mark_is_truncated():
    assert failure(jpeg(photograph(80, 60))[:-2]).reason == "truncated"


def test_the_limit_of_pixels_is_that_of_the_whole_and_not_of_the_reduced_picture():
    data = jpeg(photograph(100, 80))
    assert decode(data, name="x", max_pixels=8_000, at_least=(5, 5)).shape == (10, 13, 3)
    error = failure(data, max_pixels=7_999, at_least=(5, 5))
    assert error.reason == "too-large"
    assert str(error) == "x.jpg: 100 x 80 pixels, at most 7,999 are accepted"


def scans(count):
    """A progressive JPEG that goes over its pixels again and again."""
    data = jpeg(photograph(64, 64, 1), progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def test_a_jpeg_of_very_many_scans_is_refused():
    error = failure(scans(100))
    assert error.reason == "damaged"
    assert str(error).endswith(f" scans, at most {MAX_SCANS} are accepted")
