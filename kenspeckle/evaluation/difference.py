"""The difference of two accuracies, on the same items or on others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.intervals import Interval, Z, wilson


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more of the same items the second is right about."""

    difference: float  # of shares, -1..1
    interval: Interval
    n: int


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Difference:
    """Of what is right, (N,) each; adjusted Wald interval, 95 % (Bonett and Price 2012)."""
    count = len(first)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    more, less = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    margin = Z * math.sqrt((more + less - (more - less) ** 2) / (count + 2))
    return Difference(
        difference=(gained - lost) / count,
        interval=Interval(low=max(-1.0, more - less - margin), high=min(1.0, more - less + margin)),
        n=count,
    )


def independent_difference(*, right: tuple[int, int], counts: tuple[int, int]) -> Difference:
    """Of two shares, `right` out of `counts`; hybrid score interval, 95 % (Newcombe 1998).

    How much more the second is right; `n` is that of the first.
    """
    one, other = (hits / count for hits, count in zip(right, counts, strict=True))
    around, about = (wilson(hits, count) for hits, count in zip(right, counts, strict=True))
    return Difference(
        difference=other - one,
        interval=Interval(
            low=other - one - math.hypot(other - about.low, around.high - one),
            high=other - one + math.hypot(about.high - other, one - around.low),
        ),
        n=counts[0],
    )
