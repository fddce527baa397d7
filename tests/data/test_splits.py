"""Splits: stratified, seeded, official test sets respected, copies kept together."""

import dataclasses

import numpy as np
import pytest

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.data.splits import SPLIT_NAMES, SplitConfig, draw
from kenspeckle.errors import DataError


def dataset(counts, *, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    images = rng.integers(0, 256, (len(labels), 5, 5, 1), dtype=np.uint8)
    return memory_dataset(images, labels, class_names=tuple(map(str, range(len(counts)))))


def test_every_item_is_in_exactly_one_split():
    splits = draw(dataset([50, 30, 20]), SplitConfig())
    together = np.concatenate([splits.indices(name) for name in SPLIT_NAMES])
    assert sorted(together) == list(range(100))


def test_shares_hold_for_each_class():
    data = dataset([400, 200, 100])
    splits = draw(data, SplitConfig(validation=0.25, test=0.2))
    assert np.bincount(data.labels[splits.test]).tolist() == [80, 40, 20]
    assert np.bincount(data.labels[splits.validation]).tolist() == [80, 40, 20]


def test_rounding_never_changes_the_total():
    data = dataset([101, 103, 107, 109])
    splits = draw(data, SplitConfig(validation=0.1, test=0.1))
    assert len(splits.test) == round(0.1 * 420)


def test_the_split_depends_on_its_seed_alone():
    data = dataset([60, 60])
    first, again = (draw(data, SplitConfig(seed=3)) for _ in range(2))
    other = draw(data, SplitConfig(seed=4))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_an_official_test_set_stays_test():
    data = dataset([60, 60])
    official = np.zeros(120, dtype=bool)
    official[::6] = True
    splits = draw(dataclasses.replace(data, official_test=official), SplitConfig())
    assert np.array_equal(splits.test, np.flatnonzero(official))


def test_copies_never_straddle_two_splits():
    data = dataset([200, 200])
    images = data.images.copy()
    images[100:200] = images[0:100]  # every picture of the first half twice
    data = dataclasses.replace(data, images=images)
    splits = draw(data, SplitConfig(validation=0.3, test=0.3))
    where = np.empty(400, dtype=int)
    for number, name in enumerate(SPLIT_NAMES):
        where[splits.indices(name)] = number
    assert np.array_equal(where[:100], where[100:200])


def test_a_class_of_one_picture_stays_in_training():
    splits = draw(dataset([100, 1]), SplitConfig(validation=0.4, test=0.4))
    assert 100 in splits.train


@pytest.mark.parametrize("seed", range(8))
def test_a_class_of_one_picture_in_many_copies_stays_in_training(seed):
    data = dataset([100, 20])
    images = data.images.copy()
    images[100:] = images[100]
    splits = draw(dataclasses.replace(data, images=images), SplitConfig(seed=seed, test=0.4))
    assert set(splits.train) >= set(range(100, 120))


@pytest.mark.parametrize("seed", range(8))
def test_a_class_of_two_pictures_in_many_copies_stays_in_training_undivided(seed):
    data = dataset([100, 20])
    images = data.images.copy()
    images[100:110], images[110:] = images[100], images[110]
    splits = draw(dataclasses.replace(data, images=images), SplitConfig(seed=seed, test=0.4))
    copies = (set(range(100, 110)), set(range(110, 120)))
    assert any(set(splits.train) >= kept for kept in copies)
    for name in SPLIT_NAMES:
        assert all(len(kept & set(splits.indices(name))) in (0, 10) for kept in copies)


def test_an_empty_split_is_refused():
    with pytest.raises(DataError, match="leave validation and test empty"):
        draw(dataset([2, 1]), SplitConfig())


def test_an_unknown_split_is_named():
    splits = draw(dataset([100]), SplitConfig())
    with pytest.raises(DataError, match=r"unknown split 'val' \(known: train, validation, test\)"):
        splits.indices("val")
