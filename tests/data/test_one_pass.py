"""Where the size of the input is known, files are read once, and all comes out as in two passes."""

import os

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks
from kenspeckle.data.decode import header
from kenspeckle.data.picture_bytes import says_colour
from kenspeckle.data.preprocess_config import PreprocessConfig
from tests.photo_folders import folder

KNOWN = PreprocessConfig(kind="crop", height=24, width=24)


@pytest.fixture
def photos(tmp_path):
    root = folder(tmp_path / "photos", {"cats": 20, "dogs": 6})
    (root / "dogs" / "empty.png").write_bytes(b"")
    (root / "dogs" / "text.jpg").write_text("no picture")
    Image.new("RGB", (90, 70)).save(root / "dogs" / "cut.png")
    os.truncate(root / "dogs" / "cut.png", 60)
    Image.new("L", (90, 70), 9).save(root / "dogs" / "grey.png")
    return root


def opened(path, size=KNOWN):
    """The data set, and what was done for it."""
    done = []
    dataset = ks.open_dataset(path, preprocess=size, progress=lambda what, *_: done.append(what))
    return dataset, set(done)


def test_pictures_of_a_known_size_are_read_once(photos):
    assert opened(photos)[1] == {"decoding pictures"}


def test_the_control_without_a_size_reads_headers_first(photos):
    assert opened(photos, PreprocessConfig())[1] == {"reading headers", "decoding pictures"}


def test_one_pass_finds_what_two_passes_find(photos):
    once, _ = opened(photos)
    for number in range(16):  # as many as are asked for colours, in a format that is not asked
        Image.new("RGB", (30, 30), (number, 0, 99)).save(photos / "cats" / f"0-{number}.bmp")
    twice, done = opened(photos)
    assert done == {"reading headers", "decoding pictures"}
    assert once.origin.excluded == twice.origin.excluded
    assert {item.reason for item in once.origin.excluded} == {"empty", "not-a-picture", "truncated"}
    rows = [row for row, p in enumerate(twice.origin.pictures) if not p.name.endswith(".bmp")]
    assert once.origin.pictures == tuple(twice.origin.pictures[row] for row in rows)
    assert np.array_equal(once.images[:], twice.images[np.array(rows)])
    assert once.origin.preprocess == twice.origin.preprocess


def test_grey_pictures_keep_one_channel(tmp_path):
    for number in range(8):
        path = tmp_path / "grey" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((30, 30), 50).save(path)
    dataset, _ = opened(tmp_path / "grey")
    assert dataset.images.shape[1:] == (24, 24, 1)


def test_a_damaged_picture_does_not_make_colour_of_grey_ones(tmp_path):
    for number in range(8):
        path = tmp_path / "grey" / f"class{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((30, 30), 50).save(path)
    path = tmp_path / "grey" / "class0" / "0.png"
    Image.new("RGB", (30, 30)).save(path)
    data = bytearray(path.read_bytes())
    data[29] ^= 255  # the checksum of the header
    path.write_bytes(bytes(data))
    assert says_colour(bytes(data))
    dataset, _ = opened(tmp_path / "grey")
    assert dataset.images.shape[1:] == (24, 24, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "JPEG progressive", "TIFF"])
def test_what_is_said_to_have_colours_has_them(tmp_path, mode, form):
    path = tmp_path / "x"
    kind, _, progressive = form.partition(" ")
    try:
        Image.new(mode, (20, 20)).save(path, kind, progressive=bool(progressive))
    except OSError:
        pytest.skip(f"{kind} has no mode {mode}")
    data = path.read_bytes()
    said = says_colour(data)
    assert not (said and header(data, name="x").is_grey)
    assert said == (kind in ("PNG", "JPEG") and mode in ("RGB", "RGBA"))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff\xe1\0\0" * 99])
def test_nothing_is_said_of_broken_beginnings(data):
    assert not says_colour(data)
