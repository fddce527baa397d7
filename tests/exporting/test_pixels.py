"""The pixels of an exported graph are those that the network was trained on, bit for bit."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from kenspeckle.data.framing import resize, views, with_channels
from kenspeckle.data.planes import grey
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.exporting import pixels as stage
from kenspeckle.exporting import resampling
from kenspeckle.exporting.pixels import Pixels

KINDS = ("resize", "crop", "crops", "pad")


@dataclass
class Case:
    picture: np.ndarray
    config: PreprocessConfig
    channels: int

    def expected(self, count):
        seen = views(with_channels(self.picture, self.channels), self.config)
        return np.repeat(seen, count, axis=0) if len(seen) < count else seen

    def found(self):
        module = Pixels(self.config, channels=self.channels)
        planes = module(torch.from_numpy(self.picture)[None])
        return planes.permute(0, 2, 3, 1).numpy()

    def differs(self):
        found = self.found()
        return not np.array_equal(found, self.expected(len(found)))


def cases(kind, *, count, seed=0):
    """Pictures and inputs of any sides, one pixel and equal sides often among them."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        height, width = (int(side) for side in rng.integers(1, 70, 2))
        sides = [int(side) for side in rng.integers(1, (240, 40)[number % 2], 2)]
        if number % 5 == 0:
            sides[0] = height
        if number % 7 == 0:
            sides[1] = width
        if number % 9 == 0:
            sides[number % 2] = 1
        picture = rng.integers(0, 256, (*sides, int(rng.choice([1, 3]))), dtype=np.uint8)
        if number % 3 == 0:  # hard edges, as in drawings
            picture = np.where(picture > 128, np.uint8(255), np.uint8(0))
        crops = int(rng.integers(1, 6))
        config = PreprocessConfig(kind=kind, height=height, width=width, crops=crops)
        yield Case(picture, config, int(rng.choice([1, 3])))


@pytest.mark.parametrize("kind", KINDS)
def test_every_size_gives_the_very_pixels_of_the_training(kind):
    assert sum(case.differs() for case in cases(kind, count=300)) == 0


def test_a_picture_of_the_size_of_the_input_is_left_as_it_is():
    picture = np.random.default_rng(1).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    for kind in KINDS:
        case = Case(picture, PreprocessConfig(kind=kind, height=17, width=23), 3)
        assert np.array_equal(case.found()[0], picture)


def test_weights_without_rounding_to_fixed_point_would_be_noticed(monkeypatch):
    monkeypatch.setattr(resampling, "_FIXED_POINT", float(1 << 40))
    assert any(case.differs() for case in cases("resize", count=300))


def test_sums_in_another_order_would_be_noticed(monkeypatch):
    def by_matrix(planes, taps):
        dense = torch.zeros(len(taps.pixels), planes.shape[-1], dtype=torch.float64)
        return (planes @ dense.scatter_add(1, taps.pixels, taps.weights).T).float().double()

    monkeypatch.setattr(resampling, "_summed", by_matrix)
    assert any(case.differs() for case in cases("crop", count=300))


def test_an_edge_colour_that_is_a_mean_would_be_noticed(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "sort", lambda lines, dim: torch.return_types.sort(
        (lines.mean(dim=dim, keepdim=True).expand_as(lines), lines.long())
    ))  # fmt: skip
    assert any(case.differs() for case in cases("pad", count=30))


def test_all_16_million_colours_have_the_luminance_of_the_training():
    red, green, blue = np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 3, indexing="ij")
    pictures = np.stack([red, green, blue], axis=-1)
    module = stage.Pixels(PreprocessConfig(kind="resize", height=256, width=256), channels=1)
    for start in range(0, 256, 32):
        part = pictures[start : start + 32]
        expected = np.stack([with_channels(picture, 1) for picture in part])
        found = module(torch.from_numpy(part)).permute(0, 2, 3, 1).numpy()
        assert np.array_equal(found, expected)


def test_the_luminance_is_that_of_whole_numbers_rounded_once():
    # 0.299, 0.587 and 0.114 are no binary fractions: their sum is 128.49999999999997 or 128.5
    picture = np.array([[[255, 87, 10]]], dtype=np.uint8)
    assert grey(picture)[0, 0] == (299 * 255 + 587 * 87 + 114 * 10) / 1000


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_scaled_across_first_whatever_the_version_of_pillow(channels):
    rng = np.random.default_rng(3)
    tall = rng.integers(0, 256, (300, 40, channels), dtype=np.uint8)
    image = Image.fromarray(tall if channels == 3 else tall[..., 0])
    image = image if channels == 3 else image.convert("F")
    bilinear = Image.Resampling.BILINEAR
    narrow = image.resize((30, 300), bilinear)
    across_first = np.asarray(narrow.resize((30, 20), bilinear)).reshape(20, 30, channels)
    assert np.array_equal(resize(tall, 20, 30), np.rint(across_first))
