"""Sources that neither memory nor disk need hold: decoded on demand, shuffled in a buffer."""

import mmap
import os
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import kenspeckle as ks
from kenspeckle.data import images
from kenspeckle.data.batches import shuffled
from kenspeckle.data.images import StoredImages
from kenspeckle.data.picture_warnings import silenced
from kenspeckle.data.pixel_files import mapped
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.streamed_images import StreamedImages
from kenspeckle.device import generator
from kenspeckle.errors import DataError
from tests.photo_folders import folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("photos") / "photos", {"cats": 30, "dogs": 30})


def streamed(path):
    return ks.open_dataset(path, data=SourceConfig(cache="off"))


def test_streamed_pictures_are_those_of_the_cache(photos):
    stored, live = ks.open_dataset(photos), streamed(photos)
    assert isinstance(stored.images, StoredImages)
    assert isinstance(live.images, StreamedImages)
    assert live.images.shape == stored.images.shape
    assert np.array_equal(live.images[:], stored.images[:])
    assert live.fingerprint == stored.fingerprint


def test_a_part_of_what_is_not_in_memory_is_not_either(photos):
    for dataset in (ks.open_dataset(photos), streamed(photos)):
        part = dataset.take(np.array([7, 3]))
        assert type(part.images) is type(dataset.images)
        assert np.array_equal(part.images[:], dataset.images[:][[7, 3]])


def test_a_file_that_changes_while_it_is_streamed_is_named(photos, tmp_path):
    mine = folder(tmp_path / "mine", {"cats": 5, "dogs": 5})
    dataset = streamed(mine)
    (mine / "cats" / "3.png").write_bytes(b"")
    assert len(dataset.images[:3]) == 3
    with pytest.raises(DataError, match=r"cats/3\.png: changed since this began: restore it, or"):
        dataset.images[:]


def test_a_file_that_becomes_another_picture_while_it_is_streamed_is_named(tmp_path):
    mine = folder(tmp_path / "mine", {"cats": 5, "dogs": 5})
    dataset = streamed(mine)
    before = dataset.images[3]
    data, state = (mine / "cats" / "3.png").read_bytes(), (mine / "cats" / "3.png").stat()
    (mine / "cats" / "3.png").write_bytes((mine / "dogs" / "3.png").read_bytes())
    os.utime(mine / "cats" / "3.png", ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(DataError, match=r"cats/3\.png: changed since this began"):
        dataset.images[3]
    (mine / "cats" / "3.png").write_bytes(data)
    assert np.array_equal(dataset.images[3], before)


def test_a_file_that_is_gone_while_it_is_streamed_is_named(tmp_path):
    mine = folder(tmp_path / "mine", {"cats": 5, "dogs": 5})
    dataset = streamed(mine)
    (mine / "cats" / "3.png").unlink()
    with pytest.raises(DataError, match=r"cats/3\.png: is gone; it was usable when this began"):
        dataset.images[:]


def overlapping(quiet):
    """Whether two threads in `quiet()`, the first out first, leave the filters as they were."""
    before = list(warnings.filters)
    first, second, both = threading.Event(), threading.Event(), threading.Event()

    def inner():
        first.wait()
        with quiet():
            second.set()
            both.wait()

    with warnings.catch_warnings():
        thread = threading.Thread(target=inner)
        thread.start()
        with quiet():
            first.set()
            second.wait()
        both.set()
        thread.join()
        return warnings.filters == before


@contextmanager
def naive():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_threads_that_decode_leave_the_filters_of_warnings_as_they_were():
    assert overlapping(silenced)


def test_control_without_counting_threads_the_filters_of_warnings_stay_changed():
    assert not overlapping(naive)


def test_a_streamed_run_ends_in_the_bits_of_a_cached_one(photos, tmp_path):
    settings = ["threads=1", "precision=fp32", "train.epochs=2", "train.batch_size=16"]
    runs = [
        ks.train(photos, recipe="swift", settings=[*settings, f"data.cache={cache}"],
                 out=tmp_path / cache)
        for cache in ("on", "off")
    ]  # fmt: skip
    one, other = (ks.load(run.model_file).network.state_dict() for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("count", "buffer"), [(10, 0), (100, 8), (1000, 64), (57, 56), (57, 57)])
def test_every_picture_comes_once(count, buffer):
    order = shuffled(count, buffer, generator(0, "order"))
    assert sorted(order.tolist()) == list(range(count))


def test_a_buffer_reads_nearly_in_line_and_still_mixes():
    order = shuffled(10_000, 400, generator(0, "order")).numpy()
    window = [len(np.unique(order[at : at + 100] // 50)) for at in range(0, 9_900, 100)]
    full = shuffled(10_000, 0, generator(0, "order")).numpy()
    spread = [len(np.unique(full[at : at + 100] // 50)) for at in range(0, 9_900, 100)]
    assert np.mean(window) < 40 < np.mean(spread)  # places in the file for a hundred pictures
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.02


def test_the_order_of_an_epoch_depends_on_its_key_alone():
    orders = [shuffled(500, 64, generator(3, epoch, "order")) for epoch in (0, 0, 1)]
    assert torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])


def pages_of_files():
    """Bytes of this process's memory that are pages of mapped files."""
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="needs madvise")
@pytest.mark.parametrize("is_control", [False, True])
def test_pages_of_a_file_are_given_back_while_it_is_read(tmp_path, monkeypatch, is_control):
    if is_control:
        monkeypatch.setattr(images, "_MAPPED", 1 << 40)
    path, count = tmp_path / "pixels", 2000
    path.write_bytes(bytes(range(256)) * 600 * count)  # 307 MB
    stored = StoredImages(
        path, (200, 256, 3), rows=np.arange(count), count=count, mapped=mapped(path)
    )
    before = pages_of_files()
    for start in range(0, count, 100):
        assert stored[start : start + 100].sum() == 100 * 600 * sum(range(256))
    assert (pages_of_files() - before > 200 << 20) == is_control
