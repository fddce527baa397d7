"""Percentiles, and intervals of their ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_DRAWS = 2000


def percentile(seconds: Sequence[float], share: float) -> float:
    """In milliseconds; NaN of nothing."""
    return float(np.percentile(seconds, share)) * 1000 if len(seconds) else float("nan")


def ratio(
    theirs: Sequence[Sequence[float]], ours: Sequence[Sequence[float]], share: float
) -> tuple[float, float, float]:
    """How many times longer theirs takes at a percentile, with its 95 % interval.

    Both are blocks that were measured in turn; whole pairs of blocks are drawn again, because
    requests within one share what else the machine was doing.
    """
    rng = np.random.default_rng(0)
    pairs = list(zip(theirs, ours, strict=True))
    drawn = []
    for _ in range(_DRAWS):
        chosen = [pairs[each] for each in rng.integers(len(pairs), size=len(pairs))]
        above = np.percentile(np.concatenate([block for block, _ in chosen]), share)
        below = np.percentile(np.concatenate([block for _, block in chosen]), share)
        drawn.append(above / below)
    centre = np.percentile(np.concatenate(theirs), share) / np.percentile(
        np.concatenate(ours), share
    )
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(centre), float(low), float(high)
