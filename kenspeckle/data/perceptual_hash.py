"""64 bits of a thumbnail that stay nearly the same when the picture is saved again or resized."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.thumbnails import SIDE

BITS = 64
SHIFTS = tuple((down, right) for down in (0, -1, 1) for right in (0, -1, 1))  # thumbnail pixels
_FREQUENCIES = 12  # along each side, of which the lowest 64 are used
_MARGIN = 0.02  # of the length of all 64; signs near zero would be decided by noise
_CHUNK = 8192  # pictures


def hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(N, 32, 32) as (N, 9): the hash of each picture, and after moving it by each of SHIFTS.

    A bit says whether one of the 64 lowest frequencies of the cosine transform, the mean left out,
    exceeds 2 % of the length of all of them.
    """
    found = np.empty((len(thumbnails), len(SHIFTS)), dtype=np.uint64)
    for start in range(0, len(thumbnails), _CHUNK):
        part = thumbnails[start : start + _CHUNK].astype(np.float32)
        padded = np.pad(part, ((0, 0), (1, 1), (1, 1)), mode="edge")
        for column, (down, right) in enumerate(SHIFTS):
            moved = padded[:, 1 - down : 1 - down + SIDE, 1 - right : 1 - right + SIDE]
            found[start : start + _CHUNK, column] = _hash(moved)
    return found


def distance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits differ, 0 to 64."""
    different: NDArray[np.uint8] = np.bitwise_count(a ^ b)
    return different


def _hash(images: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(N, 32, 32) as (N,)."""
    waves, lowest = _cosines(), _lowest()
    transformed = (waves @ images @ waves.T).reshape(len(images), -1)[:, lowest]
    length = np.linalg.norm(transformed, axis=1, keepdims=True)
    bits = np.packbits(np.ascontiguousarray(transformed > _MARGIN * length), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64)[:, 0]


def _cosines() -> NDArray[np.float32]:
    """The lowest rows of the orthonormal cosine transform; (12, 32)."""
    frequency = np.arange(_FREQUENCIES)[:, np.newaxis]
    waves = np.cos(np.pi * frequency * (np.arange(SIDE) + 0.5) / SIDE) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    found: NDArray[np.float32] = waves.astype(np.float32)
    return found


def _lowest() -> NDArray[np.int64]:
    """Positions of the 64 lowest frequencies but the mean; each quarter has some of all lengths."""
    down, right = np.divmod(np.arange(_FREQUENCIES**2), _FREQUENCIES)
    lowest = np.argsort(down**2 + right**2, kind="stable")[1 : BITS + 1]
    return lowest.reshape(-1, 4).T.ravel()
