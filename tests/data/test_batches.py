"""Batches: every picture once an epoch, in an order that only (seed, epoch) decides."""

import numpy as np
import torch

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.batches import Batches
from kenspeckle.data.dataset import memory_dataset


def batches(count=103, *, batch_size=10, seed=0, **settings):
    images = np.zeros((count, 4, 4, 1), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    data = memory_dataset(images, np.arange(count) % 3, class_names=("a", "b", "c"))
    return Batches(data, batch_size=batch_size, seed=seed, **settings)


def order(made, epoch, start=0):
    return [int(p) for b in made.epoch(epoch, start=start) for p in b.images[:, 0, 0, 0]]


def test_every_picture_comes_once_in_an_epoch():
    assert sorted(order(batches(), 0)) == list(range(103))


def test_the_sizes_of_batches_differ_by_one_at_the_most():
    sizes = {len(batch.labels) for batch in batches().epoch(0)}
    assert sizes == {9, 10}
    assert len(batches()) == 11


def test_the_order_depends_on_seed_and_epoch():
    assert order(batches(), 4) == order(batches(), 4)
    assert order(batches(), 4) != order(batches(), 5)
    assert order(batches(seed=1), 4) != order(batches(seed=2), 4)


def test_an_epoch_can_begin_at_any_step():
    config = AugmentConfig(rotation=30, shift=1)
    whole = list(batches(augmentation=config).epoch(2))
    rest = list(batches(augmentation=config).epoch(2, start=7))
    assert len(rest) == len(whole) - 7
    for a, b in zip(whole[7:], rest, strict=True):
        assert torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)


def test_augmentation_ends_at_its_step():
    config = AugmentConfig(rotation=30)
    plain = [batch.images for batch in batches().epoch(1)]
    changed = batches(augmentation=config, augmented_steps=15)
    mixed = [batch.images for batch in changed.epoch(1)]
    same = [torch.equal(a, b) for a, b in zip(plain, mixed, strict=True)]
    assert same == [False] * 4 + [True] * 7  # steps 11 to 14 of all, then 15 to 21


def test_labels_stay_with_their_pictures():
    for batch in batches().epoch(0):
        assert torch.equal(batch.images[:, 0, 0, 0].long() % 3, batch.labels)


def test_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = order(batches(augmentation=AugmentConfig(zoom=0.1)), 0)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert order(batches(augmentation=AugmentConfig(zoom=0.1)), 0) == first
