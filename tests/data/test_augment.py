"""Augmentation: known maps by construction, and nothing but the generator decides."""

import pytest
import torch

from kenspeckle.data.augment import augment, random_affine
from kenspeckle.data.augment_config import AugmentConfig


def pictures(count=4, size=9):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0)) * 255


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_set_changes_nothing():
    images = pictures()
    assert augment(images, AugmentConfig(), draws()) is images


def test_the_same_generator_gives_the_same_pictures():
    config = AugmentConfig(rotation=20, shift=2, zoom=0.2, shear=10)
    first, second = (augment(pictures(), config, draws(7)) for _ in range(2))
    other = augment(pictures(), config, draws(8))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_each_picture_of_a_batch_gets_its_own_change():
    same = pictures(1).repeat(4, 1, 1, 1)
    changed = augment(same, AugmentConfig(rotation=30), draws())
    assert not torch.equal(changed[0], changed[1])


def test_a_rotation_of_a_quarter_turn_is_a_quarter_turn(monkeypatch):
    images = pictures()
    # a draw of exactly 1 from [-1, 1): the largest change to one side
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size))
    turned = augment(images, AugmentConfig(rotation=90), draws())
    assert torch.allclose(turned, torch.rot90(images, 1, dims=(2, 3)), atol=1e-3)


def test_a_shift_moves_by_pixels_whatever_the_shape(monkeypatch):
    images = torch.rand(2, 1, 6, 12, generator=draws()) * 255
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.ones(*size))
    moved = augment(images, AugmentConfig(shift=2), draws())
    assert torch.allclose(moved[:, :, :-2, :-2], images[:, :, 2:, 2:], atol=1e-3)


def test_changes_stay_within_their_limits():
    config = AugmentConfig(zoom=0.1)
    matrices = random_affine(10_000, (28, 28), config, draws())
    scale = matrices[:, 0, 0]
    assert 1 / 1.1 <= scale.min() < 0.92
    assert 1.1 < scale.max() <= 1 / 0.9


def test_values_stay_in_the_range_of_the_picture():
    config = AugmentConfig(rotation=45, shift=5, zoom=0.5, shear=30)
    changed = augment(pictures(64), config, draws())
    assert changed.min() >= 0 and changed.max() <= 255


@pytest.mark.parametrize("setting", ["rotation", "shift", "zoom", "shear"])
def test_a_negative_limit_is_refused(setting):
    with pytest.raises(ValueError, match=f"{setting} must be in"):
        AugmentConfig(**{setting: -1.0})
