"""Damaged pictures end as pixels or as a `PictureError`, soon and in little memory."""

import numpy as np
import pytest
from mutations import DAMAGES, mutants
from picture_files import adam7, encoded, exif, png, png_chunk
from picture_mutations import PICTURE_DAMAGES, noise, parts
from picture_trial import tried
from PIL import Image

from kenspeckle.data.decode import decode, read_picture
from kenspeckle.errors import PictureError

MAX_PIXELS = 10_000_000


def seeds():
    """Small pictures of every format and of what is peculiar to it."""
    grey = noise(12, 12).astype(np.uint8)
    colour = Image.fromarray(noise(12, 12, 3).astype(np.uint8))
    frames = [Image.fromarray(noise(12, 12, seed=seed).astype(np.uint8)) for seed in range(3)]
    animated = {"save_all": True, "append_images": frames[1:]}
    deep = Image.fromarray(noise(12, 12, top=65536).astype(np.uint16))
    texts = png_chunk(b"tEXt", b"Title\0x") + png_chunk(b"gAMA", b"\0\0\xb1\x8f")
    return [
        encoded(colour, "PNG"),
        encoded(frames[0], "PNG", exif=exif(6)),
        encoded(deep, "PNG"),
        encoded(colour.quantize(16), "PNG", transparency=0),
        encoded(frames[0], "PNG", **animated),
        png((12, 12), depth=8, colour=0, rows=adam7(grey, 8), interlaced=1, extra=texts),
        encoded(colour, "JPEG", exif=exif(6)),
        encoded(colour, "JPEG", progressive=True),
        encoded(colour.convert("CMYK"), "JPEG"),
        encoded(frames[0], "JPEG", icc_profile=b"profile", restart_marker_blocks=1),
        encoded(colour, "MPO", save_all=True, append_images=[colour]),
        encoded(frames[0], "GIF", **animated),
        encoded(colour.quantize(16), "GIF", transparency=0),
        encoded(colour, "BMP"),
        encoded(colour.quantize(16), "BMP"),
        encoded(colour, "WEBP", exif=exif(8)),
        encoded(colour.convert("RGBA"), "WEBP", lossless=True, **animated),
        encoded(colour, "TIFF", exif=exif(5)),
        encoded(frames[0], "TIFF", **animated),
        encoded(deep, "TIFF", compression="tiff_lzw"),
        encoded(colour, "TIFF", compression="jpeg"),
        encoded(frames[0].convert("1"), "TIFF", compression="group4"),
        encoded((grey / np.float32(255)).astype(np.float32), "TIFF", compression="tiff_deflate"),
        encoded(colour, "TIFF", compression="packbits", big_tiff=True),
    ]


def pictures(count, seed):
    """What the trial decodes."""
    damages = (*DAMAGES, *PICTURE_DAMAGES)
    for name, data in mutants(seeds(), count=count, seed=seed, damages=damages):
        yield name, data, MAX_PIXELS


def test_the_parts_of_a_file_are_the_file():
    for data in seeds():
        assert len(parts(data)) > 3
        assert b"".join(parts(data)) == data


def check(count, seed):
    report = tried("test_picture_mutants", count, seed)
    assert report.get("faults") == [], report
    assert report["count"] == count
    assert report["slowest"][0] < 2
    assert report["largest"][0] < 256
    assert {"truncated", "damaged", "not-a-picture", "too-large"} <= report["reasons"].keys()
    assert 0.1 * count < report["decoded"] < 0.9 * count


def test_five_hundred_damaged_pictures_are_refused_or_decoded():
    check(500, seed=0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_damaged_pictures_are_refused_or_decoded():
    check(10_000, seed=1)


@pytest.mark.parametrize(
    ("decoder", "fault"),
    [
        ("raises", "RuntimeError: of nobody's list"),
        ("warns", "UserWarning: odd"),
    ],
)
def test_the_control_of_the_trial_notices_what_is_unexpected(decoder, fault):
    faults = tried("test_picture_mutants", 3, 0, decoder=decoder)["faults"]
    assert len(faults) == 3
    assert all(line.endswith(fault) for line in faults)


def test_the_control_of_the_trial_notices_memory():
    (fault,) = tried("test_picture_mutants", 1, 0, decoder="hoards")["faults"]
    assert fault.endswith(" MB")


def test_the_control_of_the_trial_notices_a_decoder_that_hangs():
    report = tried("test_picture_mutants", 3, 0, decoder="hangs", seconds=0.2)
    assert report == {"ended": -27, "name": "seed 0, number 0, flip_bits"}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".gif", ".txt", ""])
def test_a_wrong_suffix_changes_nothing(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for _, data, _ in pictures(60, seed=2):
        path.write_bytes(data)
        assert outcome(read_picture, path) == outcome(decode, data, name=str(path))


def outcome(action, *arguments, **options):
    try:
        return action(*arguments, **options).tobytes()
    except PictureError as error:
        return str(error)
