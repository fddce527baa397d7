"""Bootstrap of any statistic of items (Efron 1979), also where they come in groups.

A statistic is a function of weights (R, N), how often each item was drawn, to values (R,): so all
resamples are computed together, and nothing is gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from kenspeckle.evaluation.intervals import LEVEL, Interval

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]
Method = Literal["percentile", "bca"]
RESAMPLES = 2000
_BLOCK = 1 << 21  # weights at a time: 16 MB
_JACKKNIFE = 500  # parts that are left out in turn; more would say the same of the skewness


def bootstrap(
    statistic: Statistic,
    count: int,
    *,
    groups: NDArray[np.int64] | None = None,
    method: Method = "percentile",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Of a `statistic` of `count` items; `groups` (N,) are drawn whole where they are given.

    "bca" corrects for bias and skewness (Efron 1987).
    """
    units, owner = _units(count, groups)
    values = np.sort(
        np.concatenate([statistic(block) for block in _drawn(units, owner, resamples, seed)])
    )
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if method == "bca":
        tails = _corrected(tails, statistic, values, units, owner, seed)
    low, high = np.quantile(values, tails)
    return Interval(low=float(low), high=float(high))


def studentised(
    values: Array,
    *,
    groups: NDArray[np.int64] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Of the mean of `values` (N,), by the bootstrap of its t (Hall 1988): for skewed ones.

    A resample in which all are equal says nothing of the spread and is left out.
    """
    units, owner = _units(len(values), groups)
    # a mean of groups is the ratio of two sums, with the variance of its linear part
    sums = np.bincount(owner, weights=values, minlength=units)
    sizes = np.bincount(owner, minlength=units).astype(np.float64)
    mean = float(values.mean())
    error = float(np.sqrt(((sums - mean * sizes) ** 2).sum())) / len(values)
    if error == 0.0:
        return Interval(low=mean, high=mean)
    moments = np.stack([sums, sizes, sums**2, sums * sizes, sizes**2], axis=1)
    found = []
    for weights in _drawn(units, np.arange(units), resamples, seed):
        total, size, squares, products, size_squares = (weights @ moments).T
        means = total / size
        spread = squares - 2 * means * products + means**2 * size_squares
        is_spread = spread > 1e-12 * squares
        means, spread, size = means[is_spread], spread[is_spread], size[is_spread]
        found.append((means - mean) * size / np.sqrt(spread))
    tails = np.concatenate(found)
    if not len(tails):
        return Interval(low=mean, high=mean)
    low, high = np.quantile(tails, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(low=mean - float(high) * error, high=mean - float(low) * error)


def mean_of(values: Array) -> Statistic:
    """The mean of `values` (N,) as a statistic of weights."""

    def statistic(weights: Array) -> Array:
        return np.asarray(weights @ values / weights.sum(axis=1))

    return statistic


def _units(count: int, groups: NDArray[np.int64] | None) -> tuple[int, NDArray[np.int64]]:
    """How many things are drawn, and the one that each item belongs to, (N,)."""
    if groups is None:
        return count, np.arange(count)
    names, owner = np.unique(groups, return_inverse=True)
    # groups of one are drawn like the items themselves
    return len(names), owner if len(names) < count else np.arange(count)


def _drawn(
    units: int, owner: NDArray[np.int64], resamples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Weights (r, N) of the items, `resamples` rows in all."""
    rng = np.random.default_rng(seed)
    is_alone = units == len(owner)
    rows = max(1, _BLOCK // len(owner))
    for start in range(0, resamples, rows):
        here = min(rows, resamples - start)
        drawn = rng.integers(0, units, (here, units), dtype=np.int32)
        drawn += np.arange(here, dtype=np.int32)[:, np.newaxis] * units
        counts = np.bincount(drawn.ravel(), minlength=here * units).reshape(here, units)
        weights = counts.astype(np.float64)
        yield weights if is_alone else weights[:, owner]


def _corrected(
    tails: Array,
    statistic: Statistic,
    values: Array,
    units: int,
    owner: NDArray[np.int64],
    seed: int,
) -> Array:
    """The quantiles of the sorted `values` that stand for `tails`."""
    whole = float(statistic(np.ones((1, len(owner))))[0])
    below = np.searchsorted(values, whole, "left") + np.searchsorted(values, whole, "right")
    bias = float(
        ndtri(np.clip(below / (2 * len(values)), 0.5 / len(values), 1 - 0.5 / len(values)))
    )
    acceleration = _acceleration(statistic, units, owner, seed)
    shifted = bias + ndtri(tails)
    corrected: Array = ndtr(bias + shifted / (1 - acceleration * shifted))
    return corrected


def _acceleration(statistic: Statistic, units: int, owner: NDArray[np.int64], seed: int) -> float:
    """A sixth of the skewness of the influences, which are those of parts left out in turn."""
    parts = min(units, _JACKKNIFE)
    # in a random order: neighbours in a data set resemble each other
    part = np.random.default_rng(seed).permutation(units) % parts
    left_out = []
    rows = max(1, _BLOCK // len(owner))
    for start in range(0, parts, rows):
        numbers = np.arange(start, min(parts, start + rows))
        left_out.append(statistic((part[owner] != numbers[:, np.newaxis]).astype(np.float64)))
    values = np.concatenate(left_out)
    influences = values.mean() - values
    squares = float((influences**2).sum())
    return float((influences**3).sum()) / (6 * squares**1.5) if squares else 0.0
