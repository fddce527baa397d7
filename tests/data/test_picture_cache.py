"""Decoded pictures are kept; whatever changed on disk is decoded again, and named."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle.data import picture_cache
from kenspeckle.data.pixel_files import new_files
from kenspeckle.errors import DataError, StorageError
from tests.photo_folders import folder, write

pytestmark = pytest.mark.usefixtures("all_cores")


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


def pixel_files(dataset):
    return sorted(path.name for path in Path(dataset.origin.cache).glob("*-*.u8"))


def test_what_a_killed_process_left_is_removed_by_the_next(photos):
    first, _, _ = opened(photos)
    whole = pixel_files(first)
    place = Path(first.origin.cache)
    (place / "pixels-00000000.u8").write_bytes(b"half")
    (place / "thumbnails-00000000.u8").write_bytes(b"half")
    (place / ".index.json.tmp-1").write_bytes(b"half")
    os.utime(place / ".index.json.tmp-1", (0, 0))
    _, worked, _ = opened(photos)
    assert worked == 0
    assert pixel_files(first) == whole
    assert not (place / ".index.json.tmp-1").exists()


def test_what_another_process_is_writing_is_left_alone(photos):
    first, _, _ = opened(photos)
    place = Path(first.origin.cache)
    with new_files(place, {"pixels": 100}) as names:
        opened(photos)
        assert (place / names["pixels"]).exists()
    opened(photos)
    assert not (place / names["pixels"]).exists()


KILLED = """
import os, signal, sys
import kenspeckle as ks
def progress(what, done, total):
    if what == "decoding pictures" and done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
ks.open_dataset(sys.argv[1], progress=progress)
"""


def test_a_process_that_was_killed_leaves_files_for_one_opening_only(photos):
    done = subprocess.run([sys.executable, "-c", KILLED, photos])
    assert done.returncode == -9
    folders = list(picture_cache.cache_folder().glob("photos-*"))
    (left,) = [
        path
        for each in folders
        for path in each.glob("pixels-*")
        if not (each / "index.json").exists()
    ]
    dataset, worked, notes = opened(photos)
    assert (left.parent, left.exists()) == (Path(dataset.origin.cache), False)
    assert len(pixel_files(dataset)) == 2
    assert (worked, notes) == (12, [])  # headers are kept, and nothing is said to have changed


def test_an_index_that_is_replaced_while_it_is_read_is_read_again(photos, monkeypatch):
    opened(photos)
    checked, replaced = picture_cache._checked, []

    def meanwhile(place, content):
        if not replaced and b'"pixels"' in content:
            replaced.append(place)
            write(photos / "cats" / "2.png", 79)
            monkeypatch.setattr(picture_cache, "_checked", checked)
            opened(photos)
            monkeypatch.setattr(picture_cache, "_checked", meanwhile)
        return checked(place, content)

    monkeypatch.setattr(picture_cache, "_checked", meanwhile)
    dataset, worked, _ = opened(photos)
    assert replaced
    assert worked == 0
    assert len(dataset) == 12


OPENING = """
import os, sys
import kenspeckle as ks
from pathlib import Path
from tests.photo_folders import write
photos = Path(sys.argv[1])
for number in range(12):
    # whole or not at all: half of a picture is none, and the other process may be reading
    write(photos.parent / sys.argv[2], int(sys.argv[3]) + number)
    os.replace(photos.parent / sys.argv[2], photos / "cats" / sys.argv[2])
    dataset = ks.open_dataset(sys.argv[1])
    assert dataset.images[:].shape[0] >= 12
"""


def test_processes_that_replace_the_cache_of_each_other_all_go_on(photos):
    opened(photos)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, photos, f"{number}.png", str(1000 * number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    dataset, _, _ = opened(photos)
    assert len(pixel_files(dataset)) == 2


def test_pixels_outlive_their_file(photos):
    dataset, _, _ = opened(photos)
    before = dataset.images[:]
    for name in pixel_files(dataset):
        (Path(dataset.origin.cache) / name).unlink()
    assert np.array_equal(dataset.images[:], before)
