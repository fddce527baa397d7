"""Digits on pages that nobody prepared: other writers, other pens, other paper (seed document 004).

A test set, seeded, in two halves that share neither writers' pictures nor random draws: one to tune
on, and one that is held out. Each page has one distortion, so that each can be told apart.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from kenspeckle.data.sources.digits import digits
from kenspeckle.data.sources.strokes import draw_digit

Half = Literal["tuning", "held-out"]
SOURCES = ("other writers", "pen strokes")
DISTORTIONS = (
    "plain", "tiny", "huge", "light on dark", "low contrast", "thin pen", "thick pen",
    "off-centre", "rotated", "uneven light", "noise", "coloured", "16 bit", "jpeg", "ruled paper",
    "frame",
)  # fmt: skip
_INK_HEIGHT = 140.0  # pixels of a digit before it is placed

Ink = NDArray[np.float64]  # (H, W) in 0..1


@dataclass(frozen=True, kw_only=True)
class Page:
    """One picture file with one digit."""

    data: bytes  # of a PNG or JPEG file
    label: int
    source: str
    distortion: str


def pages(half: Half, *, each: int = 40, seed: int = 0) -> Iterator[Page]:
    """`each` pages for every source and distortion; a function of its arguments alone."""
    writers = digits()
    # every second picture of the other writers belongs to the other half
    own = np.arange(len(writers))[(half == "held-out") :: 2]
    for place, source in enumerate(SOURCES):
        for number, distortion in enumerate(DISTORTIONS):
            rng = np.random.default_rng([seed, half == "held-out", place, number])
            chosen = rng.choice(own, each, replace=False)
            for index in range(each):
                if source == "pen strokes":
                    label = index % 10
                    ink = draw_digit(label, rng, width=_pen(distortion, rng))
                else:
                    label = int(writers.labels[chosen[index]])
                    ink = _enlarged(writers.images[chosen[index], ..., 0], distortion)
                yield Page(
                    data=_file(_trimmed(ink), distortion, rng),
                    label=label,
                    source=source,
                    distortion=distortion,
                )


def _pen(distortion: str, rng: np.random.Generator) -> float:
    """The width of the pen, as a share of the digit's height."""
    low, high = {"thin pen": (0.015, 0.03), "thick pen": (0.16, 0.22)}.get(distortion, (0.05, 0.11))
    return float(rng.uniform(low, high))


def _enlarged(small: NDArray[np.uint8], distortion: str) -> Ink:
    """A picture of 8 x 8 as strokes with firm edges."""
    level = {"thin pen": 0.62, "thick pen": 0.28}.get(distortion, 0.45)
    smooth = ndimage.zoom(np.pad(small / 255.0, 1), 20, order=3)
    strokes: Ink = np.clip((smooth - level) * 8 + 0.5, 0, 1)
    return strokes


def _trimmed(ink: Ink) -> Ink:
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.1) for axis in (1, 0))
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _scaled(part, _INK_HEIGHT / max(part.shape))


def _scaled(ink: Ink, factor: float) -> Ink:
    height, width = (max(1, round(extent * factor)) for extent in ink.shape)
    image = Image.fromarray(ink.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    scaled: Ink = np.clip(np.asarray(image, dtype=np.float64), 0, 1)
    return scaled


def _file(ink: Ink, distortion: str, rng: np.random.Generator) -> bytes:
    """The digit on a page, as a file."""
    if distortion == "rotated":
        ink = np.clip(ndimage.rotate(ink, rng.uniform(-12, 12), order=1), 0, 1)
    ink = _scaled(ink, {"tiny": 14 / _INK_HEIGHT, "huge": 1400 / _INK_HEIGHT}.get(distortion, 1.0))
    height, width = ink.shape
    room = max(ink.shape)
    size = round(room * 1.6) if distortion != "off-centre" else room * 3
    free = np.array([size - height, size - width])
    at = free // 2 if distortion != "off-centre" else rng.integers(0, free + 1)
    page = np.zeros((size, size))
    page[at[0] : at[0] + height, at[1] : at[1] + width] = ink
    return _photograph(page, distortion, rng)


def _photograph(page: Ink, distortion: str, rng: np.random.Generator) -> bytes:
    """`page` in the light, the colours and the format of its distortion."""
    paper, pen = rng.uniform(215, 255), rng.uniform(0, 60)
    match distortion:
        case "light on dark":
            paper, pen = rng.uniform(0, 50), rng.uniform(200, 255)
        case "low contrast":
            paper = rng.uniform(110, 200)
            pen = paper - rng.uniform(28, 45)
    picture = paper + (pen - paper) * page
    down, across = np.mgrid[0 : page.shape[0], 0 : page.shape[1]] / page.shape[0]
    match distortion:
        case "uneven light":
            angle = rng.uniform(0, 2 * np.pi)
            slope = np.cos(angle) * across + np.sin(angle) * down
            picture *= 0.45 + 0.55 * (slope - slope.min()) / (slope.max() - slope.min())
        case "noise":
            grain = ndimage.gaussian_filter(rng.normal(0, 30, page.shape), 0.7)
            picture = picture + grain + rng.normal(0, 7, page.shape)
        case "ruled paper":
            step = page.shape[0] / rng.uniform(3.5, 7)
            line = np.abs((down * page.shape[0] + rng.uniform(0, step)) % step) < 2.0
            picture = np.where(line & (page < 0.3), paper - rng.uniform(40, 80), picture)
        case "frame":
            edge = round(page.shape[0] * rng.uniform(0.02, 0.05))
            inside = np.zeros(page.shape, dtype=bool)
            inside[edge:-edge, edge:-edge] = True
            picture = np.where(inside, picture, rng.uniform(0, 120))
    picture = np.clip(picture, 0, 255)
    if distortion == "coloured":
        return _encoded(_in_colour(page, rng), "PNG")
    if distortion == "16 bit":
        return _encoded(np.round(picture * 257).astype(np.uint16), "PNG")
    format_ = "JPEG" if distortion in ("jpeg", "uneven light", "huge") else "PNG"
    return _encoded(np.round(picture).astype(np.uint8), format_)


def _in_colour(page: Ink, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ink and paper of two colours that are at least 110 apart in one of red, green and blue."""
    while True:
        paper, pen = rng.uniform(0, 255, (2, 3))
        if np.abs(paper - pen).max() >= 110:
            break
    mixed: NDArray[np.uint8] = np.round(paper + (pen - paper) * page[..., None]).astype(np.uint8)
    return mixed


def _encoded(picture: NDArray[np.generic], format_: str) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": 35} if format_ == "JPEG" else {}
    Image.fromarray(picture).save(buffer, format=format_, **options)
    return buffer.getvalue()
