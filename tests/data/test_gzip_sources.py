"""Compressed sources: several members are one content; garbage and cuts are refused in one line."""

import gzip

import pytest
from archive_files import member, tarred
from photo_folders import encoded, pixels
from test_idx import idx_bytes

import kenspeckle as ks
from kenspeckle.errors import DataError

COUNT = 8


def content(form):
    """The plain bytes of a source."""
    pictures = [encoded(pixels(number, label=number % 2)) for number in range(COUNT)]
    if form == "idx":
        return idx_bytes(range(COUNT * 30), (COUNT, 6, 5))
    names = [f"{'ab'[number % 2]}/{number}.png".encode() for number in range(COUNT)]
    return tarred(*(member(name, data) for name, data in zip(names, pictures, strict=True)))


def opened(folder, form, data):
    """How many pictures are read from `data`, or the line that refuses it."""
    name = "train-images-idx3-ubyte.gz" if form == "idx" else "x.tar.gz"
    (folder / name).write_bytes(data)
    if form == "idx":
        (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes([0, 1] * 4, (COUNT,)))
    try:
        return len(ks.open_dataset(folder / name))
    except DataError as error:
        assert str(error).startswith(str(folder)) and str(error).isprintable()
        return str(error)


def several(data, count):
    """`data` as gzip of so many members."""
    step = -(-len(data) // count)
    return b"".join(gzip.compress(data[at : at + step]) for at in range(0, len(data), step))


@pytest.mark.parametrize("members", [1, 2, 3, 7, 50, 300])
@pytest.mark.parametrize("form", ["idx", "tar"])
def test_several_members_are_one_content(tmp_path, form, members):
    assert opened(tmp_path, form, several(content(form), members)) == COUNT


@pytest.mark.parametrize("cut", [1, 3, 9, 10, 12, 20, -20, -9, -8, -5, -4, -1])
@pytest.mark.parametrize("form", ["idx", "tar"])
def test_what_is_cut_short_is_refused(tmp_path, form, cut):
    assert isinstance(opened(tmp_path, form, gzip.compress(content(form))[:cut]), str)


@pytest.mark.parametrize("members", [2, 7])
@pytest.mark.parametrize("form", ["idx", "tar"])
def test_what_is_cut_short_in_its_last_member_is_refused(tmp_path, form, members):
    assert isinstance(opened(tmp_path, form, several(content(form), members)[:-12]), str)


@pytest.mark.parametrize("garbage", [b"x", b"\0x", b"\x1f\x8b", bytes(20) + b"\1", b"PK\3\4"])
@pytest.mark.parametrize("form", ["idx", "tar"])
def test_garbage_behind_the_content_is_refused(tmp_path, form, garbage):
    assert isinstance(opened(tmp_path, form, gzip.compress(content(form)) + garbage), str)


@pytest.mark.parametrize("form", ["idx", "tar"])
@pytest.mark.parametrize("place", [-8, -4, -1])
def test_a_wrong_checksum_or_length_is_refused(tmp_path, form, place):
    data = bytearray(gzip.compress(content(form)))
    data[place] ^= 1
    assert isinstance(opened(tmp_path, form, bytes(data)), str)
