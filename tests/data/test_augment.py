"""Augmentation: known maps by construction, and nothing but the generator decides."""

import re

import pytest
import torch

from kenspeckle.data.augment import augment, elastic_field, mix, random_affine
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


def colours(count=6, size=12):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1)) * 255


@pytest.mark.parametrize(("name", "axis"), [("flip_horizontal", 3), ("flip_vertical", 2)])
def test_a_flip_mirrors_the_share_of_pictures_that_was_asked_for(name, axis):
    images = pictures(400)
    all_flipped = augment(images.clone(), AugmentConfig(**{name: 1.0}), draws())
    assert torch.allclose(all_flipped, images.flip(axis), atol=1e-3)
    half = augment(images.clone(), AugmentConfig(**{name: 0.5}), draws())
    changed = [not torch.allclose(a, b, atol=1e-3) for a, b in zip(images, half, strict=True)]
    assert 0.4 < sum(changed) / 400 < 0.6


def test_a_flip_twice_is_nothing():
    config = AugmentConfig(flip_horizontal=1.0, flip_vertical=1.0)
    images = colours()
    assert torch.allclose(
        augment(augment(images.clone(), config, draws()), config, draws()), images, atol=1e-2
    )


def test_a_crop_shows_a_part_enlarged():
    matrices = random_affine(5000, (20, 30), AugmentConfig(crop=0.4), draws())
    part = matrices[:, 0, 0]
    assert 0.6 <= part.min() < 0.62 and 0.98 < part.max() <= 1.0
    # the window never leaves the picture
    assert float((matrices[:, :, 2].abs() + part[:, None]).max()) <= 1 + 1e-6


def test_a_stretch_keeps_the_area():
    matrices = random_affine(1000, (28, 28), AugmentConfig(stretch=0.3), draws())
    area = matrices[:, 0, 0] * matrices[:, 1, 1]
    assert torch.allclose(area, torch.ones(1000), atol=1e-5)
    assert 1.2 < matrices[:, 0, 0].max() <= 1.3


def test_an_elastic_field_is_smooth_and_as_large_as_asked_for():
    field = elastic_field(200, (28, 28), AugmentConfig(elastic=2.0), draws())
    corners = field[:, ::27, ::27] * 14  # in pixels
    assert float(corners.std()) == pytest.approx(2.0, rel=0.1)
    steps = field.diff(dim=1).abs().max() * 14
    assert steps < 2.5


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_colour_changes_stay_in_range_and_differ_from_picture_to_picture(name):
    images = colours(1).repeat(4, 1, 1, 1)
    changed = augment(images, AugmentConfig(**{name: 0.5}), draws())
    assert changed.min() >= 0 and changed.max() <= 255
    assert not torch.equal(changed[0], changed[1])


def test_brightness_adds_the_same_to_every_pixel():
    images = torch.full((3, 3, 4, 4), 100.0)
    changed = augment(images, AugmentConfig(brightness=0.2), draws()) - images
    assert all(len(picture.unique()) == 1 for picture in changed)
    assert float(changed.abs().max()) <= 0.2 * 255


def test_contrast_keeps_the_mean_and_saturation_the_grey():
    images = colours() * 0.4 + 70
    contrast = augment(images, AugmentConfig(contrast=0.3), draws())
    assert torch.allclose(contrast.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-2)
    luma = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    vivid = augment(images, AugmentConfig(saturation=0.3), draws())
    assert torch.allclose((vivid * luma).sum(1), (images * luma).sum(1), atol=1e-2)


def test_erasing_fills_a_rectangle_with_the_mean():
    images = colours(60)
    changed = augment(images, AugmentConfig(erasing=0.5), draws())
    touched = (changed != images).any(dim=1).flatten(1).float().mean(dim=1)
    assert 0.3 < float((touched > 0).float().mean()) < 0.7
    assert float(touched[touched > 0].min()) > 0.01
    assert float(touched.max()) < 0.5
    first = int(touched.argmax())
    new = changed[first][:, (changed[first] != images[first]).any(dim=0)]
    assert torch.allclose(new, images[first].mean((1, 2))[:, None].expand_as(new), atol=1e-3)


@pytest.mark.parametrize(("fill", "value"), [("black", 0.0), ("white", 255.0), ("median", 80.0)])
def test_what_comes_in_from_outside_is_a_choice(fill, value):
    images = torch.full((2, 1, 10, 10), 80.0)
    images[:, :, 4:6, 4:6] = 200.0
    moved = augment(images, AugmentConfig(shift=4, fill=fill), draws(3))
    edges = torch.cat(
        [moved[:, :, 0].flatten(), moved[:, :, -1].flatten(), moved[..., 0].flatten()]
    )
    assert float((edges - value).abs().min()) < 1e-3


def test_a_random_order_differs_and_a_given_order_is_kept():
    settings = {"rotation": 60, "shift": 3, "shear": 30}
    given = random_affine(50, (20, 20), AugmentConfig(**settings), draws())
    turned = random_affine(
        50, (20, 20), AugmentConfig(**settings, operations=("shift", "rotation", "shear")), draws()
    )
    shuffled = random_affine(50, (20, 20), AugmentConfig(**settings, order="random"), draws())
    assert not torch.allclose(given, turned)
    same = [torch.allclose(a, b) for a, b in zip(given, shuffled, strict=True)]
    assert 0 < sum(same) < 40


def test_mixup_blends_with_another_picture():
    images = torch.arange(8.0)[:, None, None, None].expand(8, 1, 2, 2)
    mixed, others, share = mix(images, AugmentConfig(mixup=0.4), draws(1))
    assert 0 <= share <= 1
    expected = share * torch.arange(8.0) + (1 - share) * others
    assert torch.allclose(mixed[:, 0, 0, 0], expected)


def test_cutmix_pastes_a_part_and_says_how_much():
    images = torch.arange(8.0)[:, None, None, None].expand(8, 1, 20, 20)
    for seed in range(10):
        mixed, others, share = mix(images, AugmentConfig(cutmix=1.0), draws(seed))
        own = (mixed == images).flatten(1).float().mean(dim=1)
        moved = others != torch.arange(8)
        assert torch.allclose(own[moved], torch.full((int(moved.sum()),), share), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"mixup": 0.2, "cutmix": 1.0},
            "mixup and cutmix exclude each other; set one of them to 0",
        ),
        ({"flip_horizontal": 1.5}, "flip_horizontal must be in 0..1, got 1.5"),
        ({"erasing": -0.1}, "erasing must be in 0..1, got -0.1"),
        ({"operations": ("zoom", "zoom")}, "operations must not repeat one, got zoom, zoom"),
        ({"zoom": 0.1, "operations": ("shift",)}, "zoom is 0.1 but operations leaves it out"),
        ({"stretch": 1.0}, "stretch must be in 0..0.9, got 1.0"),
    ],
)
def test_augmentation_says_which_setting_is_wrong(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        AugmentConfig(**settings)
