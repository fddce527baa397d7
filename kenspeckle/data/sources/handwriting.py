"""Digits that nobody prepared: labelled pages of any size, ink, paper and light, from a seed.

Each page is a function of (seed, index). Even indices are for tuning, odd ones are held out;
no writer and no picture is in both halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from kenspeckle.data.sources.digits import digits
from kenspeckle.data.sources.scenes import DISTORTIONS, Scene, plain, render
from kenspeckle.data.sources.strokes import SIDE, Coverage, draw, writer
from kenspeckle.errors import DataError, unknown_name

Half = Literal["tuning", "held-out"]
HALVES: tuple[Half, ...] = get_args(Half)
WRITERS = 200  # in each half, of the strokes that code draws

# from the neighbour in the north clockwise, as steps that bring it here
_AROUND = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
# load_digits() is in the order of its 13 writers; the seventh, in the middle, is in neither half
_SHARES: dict[Half, tuple[float, float]] = {"tuning": (0, 6 / 13), "held-out": (7 / 13, 1)}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A picture of one digit, and how it came about."""

    picture: NDArray[np.uint8] | NDArray[np.uint16]  # (H, W) or (H, W, 3)
    label: int
    source: str  # whose digit, one of `SOURCES`
    distortion: str  # one of `DISTORTIONS`
    half: Half
    writer: int  # number of the writer, or of the picture in its source; unique to the half
    jpeg: int  # the quality to save it with as JPEG; 0 = without loss


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A digit alone, without a page."""

    label: int
    writer: int
    coverage: Coverage


def pages(half: Half, *, each: int = 10, seed: int = 0) -> Iterator[Page]:
    """The pages of `half`: `each` for every distortion of every source, in order of the index."""
    if half not in HALVES:
        raise DataError(unknown_name("half", half, HALVES))
    for number in range(each * len(SOURCES) * len(DISTORTIONS)):
        yield page(2 * number + HALVES.index(half), seed=seed)


def page(index: int, *, seed: int = 0) -> Page:
    """The page at `index`, any number from 0 on. Raises `DataError` where `index` is negative."""
    if index < 0:
        raise DataError(f"the index of a page must be at least 0, got {index}")
    number, parity = divmod(index, 2)
    half = HALVES[parity]
    number, which = divmod(number, len(SOURCES))
    source = list(SOURCES)[which]
    distortion = list(DISTORTIONS)[number % len(DISTORTIONS)]
    rng = np.random.default_rng([seed, index])
    scene = DISTORTIONS[distortion](plain(rng), rng)
    digit = SOURCES[source](half, scene.pen, rng, seed)
    beside = SOURCES[source](half, scene.pen, rng, seed).coverage if scene.beside else None
    return Page(
        picture=render(digit.coverage, scene, rng, beside=beside),
        label=digit.label,
        source=source,
        distortion=distortion,
        half=half,
        writer=digit.writer,
        jpeg=scene.jpeg,
    )


def _strokes(half: Half, pen: float, rng: np.random.Generator, seed: int) -> Drawn:
    """Drawn by code; `pen` is the width of the strokes as a share of the height."""
    number = 2 * int(rng.integers(WRITERS)) + HALVES.index(half)
    hand = writer(np.random.default_rng([seed, number, WRITERS]))
    label = int(rng.integers(10))
    return Drawn(label=label, writer=number, coverage=draw(label, hand, pen=pen, rng=rng))


def _digits(half: Half, pen: float, rng: np.random.Generator, seed: int) -> Drawn:
    """scikit-learn's 8 x 8 pixels, by 13 people, enlarged; "normal" strokes are as they are."""
    images, labels = _digit_pictures()
    low, high = (round(share * len(labels)) for share in _SHARES[half])
    number = int(rng.integers(low, high))
    smooth = ndimage.zoom(
        np.pad(images[number], 2), 21, order=3, grid_mode=True, mode="grid-constant"
    )
    smooth = ndimage.gaussian_filter(smooth, 4)
    # sharpened, because pixels this large fill the loops of thin pens
    sharp = smooth + 2 * (smooth - ndimage.gaussian_filter(smooth, 25))
    sharp = np.pad(sharp, (SIDE - len(smooth)) // 2)
    if Scene.PENS[0] <= pen <= Scene.PENS[1]:
        coverage = np.clip(0.5 + (sharp - 120) / 120, 0, 1)  # soft: a loop may be grey inside
        return Drawn(label=int(labels[number]), writer=number, coverage=coverage)
    inside = sharp > 120
    # the distance to the edge of the ink, positive within
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    if pen < Scene.PENS[0]:
        distance = pen * 168 / 2 - ndimage.distance_transform_edt(~_thinned(inside))
    else:
        distance = distance + 5
    return Drawn(label=int(labels[number]), writer=number, coverage=np.clip(distance + 0.5, 0, 1))


def _thinned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The middle lines of `mask`, with its holes and joins (Zhang and Suen 1984)."""
    thin = np.pad(mask, 1)
    while True:
        before = thin.sum()
        for first in (True, False):
            around = [np.roll(thin, step, (0, 1)) for step in _AROUND]
            north, _, east, _, south, _, west, _ = around
            count = np.sum(around, axis=0)
            pairs = zip(around, [*around[1:], north], strict=True)
            rises = np.sum([~here & following for here, following in pairs], axis=0)
            corner = ~(east & south & (north | west)) if first else ~(north & west & (east | south))
            thin &= ~((count >= 2) & (count <= 6) & (rises == 1) & corner)
        if thin.sum() == before:
            return thin[1:-1, 1:-1]


def _printed(half: Half, pen: float, rng: np.random.Generator, seed: int) -> Drawn:
    """Pillow's own font, slanted and stretched at random: for comparison, nobody's handwriting."""
    label = int(rng.integers(10))
    font = ImageFont.load_default(200)
    image = Image.new("L", (2 * SIDE, 2 * SIDE))
    ImageDraw.Draw(image).text((SIDE, SIDE), str(label), font=font, fill=255, anchor="mm")
    slant, aspect = rng.uniform(-0.1, 0.25), rng.uniform(0.8, 1.25)
    data = (aspect, slant, SIDE * (1 - aspect - slant), 0, 1, 0)
    leaning = image.transform(image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    coverage = np.asarray(leaning, dtype=np.float64)[SIDE // 2 : -SIDE // 2, SIDE // 2 : -SIDE // 2]
    return Drawn(label=label, writer=HALVES.index(half), coverage=coverage / 255)


SOURCES: dict[str, Callable[[Half, float, np.random.Generator, int], Drawn]] = {
    "strokes": _strokes,
    "digits": _digits,
    "printed": _printed,
}


@cache
def _digit_pictures() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    dataset = digits()
    return dataset.images[..., 0].astype(np.float64), dataset.labels
