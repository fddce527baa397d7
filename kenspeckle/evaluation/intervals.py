"""Intervals of 95 %, of shares and over seeds, and numbers that carry them.

The shares may be of independent items only; `bootstrap` is for everything else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

LEVEL = 0.95
Z = 1.959963984540054  # of 95 %, two-sided


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its uncertainty, of how many items, and how the interval was found."""

    value: float  # NaN where it is not defined
    interval: Interval
    n: int
    method: str  # such as "Wilson"


def wilson(right: float, count: float) -> Interval:
    """The score interval of a share (Wilson 1927); `count`, above 0, may be an effective one."""
    share, spread = right / count, Z**2 / count
    centre = (share + spread / 2) / (1 + spread)
    margin = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    # exact at the ends, where rounding would leave 1e-17
    return Interval(
        low=max(0.0, centre - margin) if right else 0.0,
        high=min(1.0, centre + margin) if share < 1.0 else 1.0,
    )


def effective(
    value: float, influences: NDArray[np.float64], *, groups: NDArray[np.int64] | None, most: float
) -> Interval:
    """Of a `value` in 0..1 that is made of items: Wilson's, for the number that it is worth.

    `influences` (N,) are the derivatives of the value by the weights of the items. The number is
    that of which a share would have the same variance (Korn and Graubard 1998), with groups (N,)
    drawn whole; `most` where nothing varies.
    """
    owner = (
        np.arange(len(influences)) if groups is None else np.unique(groups, return_inverse=True)[1]
    )
    sums = np.bincount(owner, weights=influences)
    units = len(sums)
    if units < 2:
        return Interval(low=0.0, high=1.0)
    variance = float((sums**2).sum()) * units / (units - 1)
    # rounding leaves 1e-17 where nothing varies
    worth = value * (1 - value) / variance if variance > 1e-18 else min(most, units)
    worth *= float(Z / stdtrit(units - 1, (1 + LEVEL) / 2)) ** 2
    return wilson(value * worth, worth) if worth > 0 else Interval(low=0.0, high=1.0)


def clopper_pearson(right: int, count: int) -> Interval:
    """The exact interval of a share (Clopper and Pearson 1934), which covers at least 95 %."""
    tail = (1 - LEVEL) / 2
    return Interval(
        low=lowest_share(right, count, risk=tail),
        high=1.0 - lowest_share(count - right, count, risk=tail),
    )


def lowest_share(right: int, count: int, *, risk: float) -> float:
    """The exact lower bound of a share, which lies above it with probability `risk` at most."""
    return float(lowest_shares(np.array([right]), np.array([count]), risk=risk)[0])


def lowest_shares(
    right: NDArray[np.int64], count: NDArray[np.int64], *, risk: float
) -> NDArray[np.float64]:
    """`lowest_share` of many, (m,)."""
    bounds: NDArray[np.float64] = betaincinv(np.maximum(right, 1), count - right + 1, risk)
    return np.where(right > 0, bounds, 0.0)


def share(right: int, count: int) -> Estimate:
    """`right` of `count` independent items; undefined where there are none."""
    if not count:
        return Estimate(
            value=math.nan, interval=Interval(low=0.0, high=1.0), n=0, method="undefined"
        )
    return Estimate(value=right / count, interval=wilson(right, count), n=count, method="Wilson")


def student(values: Sequence[float]) -> Interval:
    """Of the mean of `values`, one of each seed; two or more (Student 1908).

    It is about other seeds on the same pictures, not about other pictures.
    """
    count = len(values)
    if count < 2:
        raise ValueError(f"an interval over seeds needs 2 values or more, got {count}")
    mean = float(np.mean(values))
    quantile = float(stdtrit(count - 1, (1 + LEVEL) / 2))
    margin = quantile * float(np.std(values, ddof=1)) / math.sqrt(count)
    return Interval(low=mean - margin, high=mean + margin)
