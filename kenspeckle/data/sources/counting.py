"""Seeded pictures of circles to count (seed document 003, "Image Classification: Counting").

Circles keep a pixel away from each other and from the edge, so that the answer is beyond doubt.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, memory_dataset
from kenspeckle.errors import DataError

_FINE = 4  # sub-pixels along each side of a pixel, for smooth edges
_TRIES = 64  # places to try for one circle before the page is begun again
_FORM = re.compile(r"counting(?::(\d+)-(\d+)(,varied)?)?")


@dataclass(frozen=True, kw_only=True)
class CountingConfig:
    """Pictures with `low` to `high` circles, equally many of each."""

    low: int = 1
    high: int = 5
    sizes: Literal["equal", "varied"] = "equal"
    side: int = 64  # pixels
    count: int = 5000  # pictures
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high:
            raise ValueError(
                f"low and high must be counts with low < high, got {self.low} and {self.high}"
            )
        if not 16 <= self.side <= 1024:
            raise ValueError(f"side must be in 16..1024, got {self.side}")
        if self.count < 3 * (self.high - self.low + 1):
            raise ValueError(f"count must be at least 3 for each class, got {self.count}")
        # a page filled at random jams at 0.547 (Renyi 1958 and after)
        if self.high * math.pi * (self._radius + 0.75) ** 2 > 0.45 * self.side**2:
            raise ValueError(f"{self.high} circles do not fit into {self.side} x {self.side}")

    @property
    def _radius(self) -> float:
        """Of circles of equal size, in pixels: smaller where there are many."""
        return max(1.5, min(self.side / 11, 0.28 * self.side / math.sqrt(self.high)))


def counting(config: CountingConfig | None = None) -> Dataset:
    """The pictures, grey; the classes are the counts. A function of the configuration alone."""
    config = config or CountingConfig()
    counts = np.arange(config.low, config.high + 1)
    labels = np.arange(config.count) % len(counts)
    rng = np.random.default_rng([config.seed, config.low, config.high, config.side])
    images = np.stack([_page(int(counts[label]), config, rng) for label in labels])
    return memory_dataset(
        images,
        labels,
        class_names=tuple(map(str, counts)),
        source=source_name(config),
    )


def source_name(config: CountingConfig) -> str:
    """What `open_dataset` makes the same pictures of, where all else is the default."""
    return f"counting:{config.low}-{config.high}{',varied' * (config.sizes == 'varied')}"


def parse_counting(text: str) -> CountingConfig:
    """`counting`, `counting:45-49` or `counting:1-5,varied`; raise `DataError` for another."""
    found = _FORM.fullmatch(text)
    if not found:
        raise DataError(
            f"{text}: expected counting, counting:LOW-HIGH or counting:LOW-HIGH,varied, "
            "such as counting:45-49"
        )
    if found[1] is None:
        return CountingConfig()
    try:
        return CountingConfig(
            low=int(found[1]), high=int(found[2]), sizes="varied" if found[3] else "equal"
        )
    except ValueError as error:
        raise DataError(f"{text}: {error}") from error


def _page(number: int, config: CountingConfig, rng: np.random.Generator) -> NDArray[np.uint8]:
    """White circles on black, (side, side, 1)."""
    while True:
        circles = _places(number, config, rng)
        if circles is not None:
            break
    fine = config.side * _FINE
    page = np.zeros((fine, fine), dtype=np.float32)
    for row, column, radius in circles * _FINE:
        top, left = int(row - radius), int(column - radius)
        span = int(2 * radius) + 2
        rows, columns = np.ogrid[top : top + span, left : left + span]
        inside = (rows + 0.5 - row) ** 2 + (columns + 0.5 - column) ** 2 <= radius**2
        page[top : top + span, left : left + span] += inside
    small = page.reshape(config.side, _FINE, config.side, _FINE).mean(axis=(1, 3))
    image: NDArray[np.uint8] = np.round(small * 255).astype(np.uint8)[..., np.newaxis]
    return image


def _places(
    number: int, config: CountingConfig, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """Rows, columns and radii (number, 3) in pixels; None where they do not fit."""
    radii = np.full(number, config._radius)
    if config.sizes == "varied":
        radii *= rng.uniform(0.5, 1.2, number)
    placed = np.empty((number, 3))
    for index, radius in enumerate(radii):
        edge = radius + 1
        spots = rng.uniform(edge, config.side - edge, (_TRIES, 2))
        gaps = spots[:, None] - placed[None, :index, :2]
        apart = (gaps**2).sum(axis=2) > (radius + placed[:index, 2] + 1) ** 2
        free = np.flatnonzero(apart.all(axis=1))
        if not len(free):
            return None
        placed[index] = (*spots[free[0]], radius)
    return placed
