"""How different two thumbnails are after one is shifted, stretched and brightened like the other.

Least squares: b is explained by a, its gradients (a shift), its gradients times the position (a
stretch, as from a crop) and a constant. What remains of b, as a share of its variance, is the
distance. The gradients are those of the mean of both, which makes one step exact to second order.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.thumbnails import SIDE

Floats = NDArray[np.float32]

APART = 9.0  # the distance of what cannot be a copy
COARSE_LIMIT = 0.02  # of `coarse_distances`; nearly all planted near copies are below
_SMOOTHING = 0.8  # thumbnail pixels; what is finer does not survive resizing
_COARSE_SMOOTHING = 2.0
_BORDER = 2  # pixels that a shift or crop may have replaced
_CHUNK = 4096  # pairs at a time: 60 MB
_DAMPING = 0.05  # of the variance, as if it had been seen that a shift of one pixel does so
_AGAIN = 0.15  # a distance that a second step may bring down to that of a copy
_GAIN = (0.6, 1.6)
_SHIFT = 2.5  # thumbnail pixels
_STRETCH = 2.0  # thumbnail pixels at the border


def coarse(thumbnails: NDArray[np.uint8]) -> Floats:
    """(N, 32, 32) as (N, 16, 16) for `coarse_distances`."""
    # every second pixel is enough for what is as smooth as this
    return np.concatenate(
        [
            np.ascontiguousarray(_smoothed(part, _COARSE_SMOOTHING)[:, 1::2, 1::2])
            for part in np.array_split(thumbnails, len(thumbnails) // 8192 + 1)
        ]
    )


def coarse_distances(images: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """`distances` of `coarse` pictures (N, 16, 16) in a quarter of its time; a first look."""
    found = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _step(images[first[part]], images[second[part]])[0]
    return found


def distances(
    thumbnails: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64]
) -> Floats:
    """Between the thumbnails (N, 32, 32) `first` (P,) and `second` (P,); (P,).

    0 = a copy, 1 = unrelated; beyond the limits of gain, shift and stretch it is `APART`.
    """
    found = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = (_smoothed(thumbnails[rows[part]], _SMOOTHING) for rows in (first, second))
        found[part] = _distances(a, b)
    return found


def _distances(a: Floats, b: Floats) -> Floats:
    """Of smoothed pictures (P, 32, 32)."""
    found, change = _step(a, b)
    is_small = _is_small(change)
    close = np.flatnonzero((found < _AGAIN) & is_small)
    found[~is_small] = APART
    if len(close):
        again, rest = _step(_moved(a[close], change[close]), b[close])
        again[~_is_small(rest)] = APART
        found[close] = np.minimum(found[close], again)
    return found


def _smoothed(thumbnails: NDArray[np.uint8], width: float) -> Floats:
    from scipy.ndimage import gaussian_filter  # here, because decoding processes start without it

    blurred: Floats = gaussian_filter(thumbnails.astype(np.float32), (0, width, width))
    return blurred


def _step(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The share of the variance that is left, (P,), and the change that explains the rest, (P, 5).

    The change: gain, shift to the right and down, stretch to the right and down at the border.
    """
    mean = (a + b) / 2
    # the stubs of numpy take an axis for a tuple of them
    down, right = (cast(Floats, np.gradient(mean, axis=axis)) for axis in (1, 2))
    place = _places(a.shape[1])
    inner = slice(_BORDER, a.shape[1] - _BORDER)
    parts = (a, right, down, right * place, down * place[:, np.newaxis])
    known = np.stack([part[:, inner, inner].reshape(len(a), -1) for part in parts], axis=1)
    known -= known.mean(axis=2, keepdims=True)
    wanted = b[:, inner, inner].reshape(len(a), -1)
    wanted = wanted - wanted.mean(axis=1, keepdims=True)
    gram = known @ known.transpose(0, 2, 1)
    variance = np.minimum(gram[:, 0, 0], np.square(wanted).sum(axis=1))
    # a picture that is the same along one axis says nothing of a shift along it: then it is none
    diagonal = np.arange(1, len(parts))
    gram[:, diagonal, diagonal] += _DAMPING * gram[:, :1, 0] / known.shape[2] + 1e-3
    gram[:, 0, 0] += 1e-3
    change = np.linalg.solve(gram, known @ wanted[:, :, np.newaxis])[:, :, 0]
    left = wanted - (change[:, np.newaxis] @ known)[:, 0]
    return np.square(left).sum(axis=1) / np.maximum(variance, 1e-3), change


def _is_small(change: Floats) -> NDArray[np.bool_]:
    gain, shift, stretch = change[:, 0], np.abs(change[:, 1:3]), np.abs(change[:, 3:])
    is_gain = (gain > _GAIN[0]) & (gain < _GAIN[1])
    small: NDArray[np.bool_] = is_gain & (shift < _SHIFT).all(1) & (stretch < _STRETCH).all(1)
    return small


def _moved(images: Floats, change: Floats) -> Floats:
    """`images` after the shift and stretch of `change`."""
    gain = change[:, :1]
    place = _places(SIDE)
    right = (change[:, 1:2] + change[:, 3:4] * place) / gain
    down = (change[:, 2:3] + change[:, 4:5] * place) / gain
    rows, columns = _interpolation(down), _interpolation(right)
    return cast(Floats, rows @ images @ columns.transpose(0, 2, 1))


def _places(side: int) -> Floats:
    """Of the pixels along a side, from -1 to 1."""
    places: Floats = np.linspace(-1, 1, side).astype(np.float32)
    return places


def _interpolation(offset: NDArray[np.floating[Any]]) -> Floats:
    """Matrices (P, 32, 32) that take each pixel from `offset` (P, 32) pixels beside it."""
    at = np.clip(np.arange(SIDE, dtype=np.float32) + offset, 0, SIDE - 1)
    below = np.minimum(at.astype(np.int64), SIDE - 2)
    matrix = np.zeros((*offset.shape, SIDE), dtype=np.float32)
    np.put_along_axis(matrix, below[:, :, np.newaxis], (below + 1 - at)[:, :, np.newaxis], axis=2)
    np.put_along_axis(matrix, below[:, :, np.newaxis] + 1, (at - below)[:, :, np.newaxis], axis=2)
    return matrix
