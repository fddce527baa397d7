"""Small files that claim to be huge or are costly to read do no harm."""

import struct

import pytest
from picture_bombs import DOT, MAX_PIXELS, bombs, gif, riff
from picture_trial import tried

from kenspeckle.data.decode import decode, header
from kenspeckle.errors import PictureError

SIZES = ("a side", "far outside")  # in the names of those that are refused for what they claim


@pytest.fixture(scope="module")
def files():
    return dict(bombs())


def test_there_are_as_many_bombs_as_we_say(files):
    assert len(files) >= 60


def test_every_bomb_is_refused_or_decoded_soon_and_in_little_memory(files):
    report = tried("picture_bombs", seconds=1)
    assert report.get("faults") == [], report
    assert report["count"] == len(files)
    assert report["slowest"][0] < 1
    assert report["largest"][0] < 256


def test_what_claims_to_be_huge_is_refused_for_its_size(files):
    for name, data in files.items():
        if any(words in name for words in SIZES):
            with pytest.raises(PictureError) as caught:
                decode(data, name="x")
            assert caught.value.reason == "too-large", name
            assert str(caught.value).endswith(f"at most {MAX_PIXELS:,} are accepted"), name


def test_a_canvas_of_webp_is_refused_before_libwebp_sees_it():
    canvas = struct.pack("<I", 2) + struct.pack("<I", 11_999)[:3] * 2
    with pytest.raises(PictureError) as caught:
        decode(riff((b"VP8X", canvas)), name="x")  # libwebp would find no frame in it
    assert caught.value.reason == "too-large"


def test_headers_of_bombs_are_read_or_refused(files):
    for name, data in files.items():
        try:
            assert header(data, name="x").width > 0, name
        except PictureError as error:
            assert error.reason in ("too-large", "damaged", "truncated", "not-a-picture"), name


def test_the_control_without_a_limit_of_pixels_memory_is_taken():
    report = tried("test_bombs", 2**31, seconds=30)
    assert report["largest"][0] > 256, report
    assert report["faults"] == [f"GIF of 13,000 a side: {report['largest'][0]} MB"]


def test_the_control_with_the_limit_the_same_picture_is_refused():
    report = tried("test_bombs", MAX_PIXELS)
    assert (report["faults"], report["reasons"]) == ([], {"too-large": 1})


def pictures(max_pixels):
    """What the trial decodes for the controls."""
    yield "GIF of 13,000 a side", gif(13_000, 13_000, DOT), max_pixels
