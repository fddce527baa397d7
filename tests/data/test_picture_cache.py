"""Decoded pictures are kept; whatever changed on disk is decoded again, and named."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle.data import picture_cache
from kenspeckle.errors import DataError, StorageError
from tests.photo_folders import folder, write


@pytest.fixture
def photos(tmp_path):
    return folder(tmp_path / "photos", {"cats": 6, "dogs": 6})


def opened(path):
    """The data set, how many pictures were worked on, and the notes on changes."""
    worked = []
    dataset = ks.open_dataset(path, progress=lambda what, done, total: worked.append(what))
    return dataset, len(worked), [note for note in dataset.origin.notes if "used" not in note]


def test_a_second_opening_decodes_nothing_and_is_equal(photos):
    first, worked, _ = opened(photos)
    assert worked == 24  # headers, then pixels
    second, again, notes = opened(photos)
    assert (again, notes) == (0, [])
    assert np.array_equal(first.images[:], second.images[:])
    assert first.fingerprint == second.fingerprint


def test_a_changed_file_is_decoded_again_and_named(photos):
    before, _, _ = opened(photos)
    write(photos / "cats" / "2.png", 77)
    after, worked, notes = opened(photos)
    assert worked == 2
    assert notes == [
        "1 file changed since the pictures were decoded, and decoded again: cats/2.png"
    ]
    assert before.fingerprint != after.fingerprint
    changed = [not np.array_equal(a, b) for a, b in zip(before.images, after.images, strict=True)]
    assert [p.name for p, c in zip(after.origin.pictures, changed, strict=True) if c] == [
        "cats/2.png"
    ]


def test_a_file_of_the_same_size_is_noticed_by_its_time(photos):
    path = photos / "cats" / "2.png"
    opened(photos)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))
    os.utime(path, ns=(time.time_ns(), time.time_ns() + 10**9))
    dataset, _, notes = opened(photos)
    assert "cats/2.png" in notes[0]
    assert [item.reason for item in dataset.origin.excluded] == ["damaged"]


def test_a_truncated_file_is_named_and_excluded(photos):
    opened(photos)
    path = photos / "dogs" / "0.png"
    path.write_bytes(path.read_bytes()[:-400])
    dataset, _, notes = opened(photos)
    assert "1 file changed" in notes[0]
    assert [(i.name, i.reason) for i in dataset.origin.excluded] == [("dogs/0.png", "truncated")]


def test_files_that_come_and_go_are_noticed(photos):
    opened(photos)
    (photos / "cats" / "0.png").unlink()
    write(photos / "cats" / "new.png", 99)
    dataset, worked, notes = opened(photos)
    assert worked == 2  # of the header and of the pixels of the new one
    assert notes == ["1 file no longer there: cats/0.png"]
    assert len(dataset) == 12


def test_what_an_interrupted_program_decoded_is_kept(photos):
    def interrupt(what, done, total):
        if what == "decoding pictures" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ks.open_dataset(photos, progress=interrupt)
    _, worked, _ = opened(photos)
    assert worked == 7


def test_a_cache_that_somebody_wrote_into_is_not_believed(photos):
    first, _, _ = opened(photos)
    path = Path(first.origin.cache)
    (pixels,) = path.glob("pixels-*")
    data = bytearray(pixels.read_bytes())
    data[100] ^= 255
    pixels.write_bytes(bytes(data))
    second, worked, _ = opened(photos)
    assert worked == 12
    assert np.array_equal(first.images[:].shape, second.images[:].shape)
    assert second.fingerprint == first.fingerprint


def test_a_cache_without_its_index_is_none(photos):
    first, _, _ = opened(photos)
    (Path(first.origin.cache) / "index.json").write_text("{")
    second, worked, _ = opened(photos)
    assert (worked, second.fingerprint) == (12, first.fingerprint)


def test_a_cache_cut_short_while_in_use_is_an_error_and_not_a_crash(photos):
    dataset, _, _ = opened(photos)
    (pixels,) = Path(dataset.origin.cache).glob("pixels-*")
    os.truncate(pixels, 4096)
    with pytest.raises(DataError, match="cut short while in use"):
        dataset.images[np.arange(12)]


def test_an_old_cache_leaves_no_files_behind(photos):
    first, _, _ = opened(photos)
    write(photos / "cats" / "2.png", 78)
    opened(photos)
    names = sorted(path.name.partition("-")[0] for path in Path(first.origin.cache).iterdir())
    assert names == ["index.json", "pixels", "thumbnails"]


def test_a_disk_without_room_is_told_before_any_work(photos, monkeypatch):
    usage = picture_cache.shutil.disk_usage(photos)
    monkeypatch.setattr(picture_cache.shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(StorageError, match=r"12 decoded pictures need .* bytes, 10 are free"):
        ks.open_dataset(photos)
