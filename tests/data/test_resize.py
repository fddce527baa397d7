"""Scaling is that of Pillow in floating point, plane by plane, rounded once."""

import numpy as np
import pytest

from kenspeckle.data.framing import resize
from kenspeckle.data.planes import resample, to_bytes

EXTREMES = {
    "noise": lambda rng, shape: rng.integers(0, 256, shape),
    "black and white": lambda rng, shape: rng.integers(0, 2, shape) * 255,
    "white": lambda rng, shape: np.full(shape, 255),
    "nearly white": lambda rng, shape: rng.integers(254, 256, shape),
    "nearly black": lambda rng, shape: rng.integers(0, 2, shape),
}


def plane_by_plane(picture, height, width):
    """The slow and obvious way."""
    planes = [
        resample(picture[..., channel].astype(np.float64), height, width)
        for channel in range(picture.shape[-1])
    ]
    return to_bytes(np.stack(planes, axis=-1))


@pytest.mark.parametrize("content", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((75, 50), (28, 28)),
        ((375, 500), (224, 224)),
        ((7, 300), (28, 28)),
        ((5, 4), (64, 33)),
        ((1, 1), (9, 9)),
        ((1, 40), (3, 7)),
        ((100, 60), (1, 1)),
        ((28, 30), (28, 28)),
    ],
)
def test_pixels_are_those_of_the_slow_way(size, target, channels, content):
    picture = content(np.random.default_rng(0), (*size, channels)).astype(np.uint8)
    found = resize(picture, *target)
    assert found.dtype == np.uint8
    expected = plane_by_plane(picture, *target)
    # colour is scaled in 8 bits and rounded after each of two passes
    assert np.abs(found.astype(int) - expected).max() <= (channels == 3)


def test_a_view_of_another_array_is_scaled_as_its_copy():
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    view = picture[::-1, ::2]
    assert np.array_equal(resize(view, 20, 20), resize(view.copy(), 20, 20))


def test_a_picture_of_the_size_is_returned_as_it_is():
    picture = np.zeros((5, 6, 3), np.uint8)
    assert resize(picture, 5, 6) is picture
