"""How alike two pictures must be to count as copies, judged by how alike all others are.

Among 800 drawings nothing but a copy is as close as a shifted copy is; among 70,000 digits many
are. So a sample is compared with itself, and the share of its pairs that are alike but no copies
tells how many of all pairs would pass a limit by chance. The limit is lowered until 1 % of the
pictures would; moved and cropped copies are then found less often. The hash may differ in fewer
bits where it would propose too many pairs otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data import alignment
from kenspeckle.data.hash_search import BANDED_REACH, banded_comparisons, close_pairs

EXHAUSTIVE = 30_000  # pictures; every pair of them is compared in about 5 s
_REACH = 9  # bits; 99 % of planted near copies
_PIXELS = 0.013  # pixel distance; 97 % of planted near copies
_PIXELS_LEAST = 0.002  # over 90 % of planted near copies that were not moved
_CHANCE = 0.01  # share of the pictures that may be joined by chance
_SAMPLE = 1500  # pictures
_COMPARED = 30_000  # pairs of the sample
_ALIKE = (0.02, 0.06)  # pixel distance of pairs that are alike and no copies
# of MNIST and Fashion-MNIST: this share of the number alike is below 0.01, and it falls with
# this power of the limit
_BELOW, _BELOW_AT, _POWER = 1 / 65, 0.01, 4.5
_PROPOSED = 1_500_000  # pairs that the hash may propose; they take about 12 s
_COMPARISONS = 1_500_000_000  # of hashes by tables; they take about 20 s


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What counts as near, and how hashes are searched."""

    hash_distance: int  # bits of 64, at most
    pixel_distance: float  # share of the variance, below
    method: Literal["exhaustive", "banded"]


def limits_for(images: NDArray[np.uint8], hashes: NDArray[np.uint64]) -> Limits:
    """The limits for thumbnails `images` (N, 32, 32) with `hashes` (N, shifts)."""
    count = len(images)
    rows = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
    found = list(close_pairs(hashes[rows], reach=_REACH, method="exhaustive")) if count else []
    first = np.concatenate([rows[:0], *(rows[close.first] for close in found)])
    second = np.concatenate([rows[:0], *(rows[close.second] for close in found)])
    bits = np.concatenate([np.zeros(0, np.uint8), *(close.distance for close in found)])
    every = max(1, len(first) // _COMPARED)
    first, second, bits = first[::every], second[::every], bits[::every]
    pixels = alignment.distances(images, first, second)
    share = every / max(1, len(rows) * (len(rows) - 1) / 2)  # of all pairs, that one stands for
    pixel_distance = _pixel_distance(pixels, share, count)
    is_other = pixels >= pixel_distance
    proposed = np.cumsum(np.bincount(bits[is_other], minlength=_REACH + 1)) * share * count**2 / 2
    reach = max(0, int(np.searchsorted(proposed, _PROPOSED, side="right")) - 1)
    if count <= EXHAUSTIVE:
        return Limits(hash_distance=reach, pixel_distance=pixel_distance, method="exhaustive")
    reach = min(reach, BANDED_REACH)
    if banded_comparisons(hashes, reach=reach) > _COMPARISONS:
        reach = min(reach, 3)
    return Limits(hash_distance=reach, pixel_distance=pixel_distance, method="banded")


def _pixel_distance(pixels: NDArray[np.float32], share: float, count: int) -> float:
    """The limit that a share `_CHANCE` of `count` pictures would pass by chance."""
    alike = share * int(((pixels >= _ALIKE[0]) & (pixels < _ALIKE[1])).sum())
    if not alike:
        return _PIXELS
    # each pair joins two pictures
    tolerated = _CHANCE / count
    limit = _BELOW_AT * (tolerated / (alike * _BELOW)) ** (1 / _POWER)
    return float(np.clip(limit, _PIXELS_LEAST, _PIXELS))
