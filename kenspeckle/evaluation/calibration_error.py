"""The expected calibration error with an interval that knows of its bias.

Noise alone makes gaps between what is said and what is right, so the error is never 0 and its
bootstrap is even larger. Here the gaps that were found are shrunk or stretched together until what
was measured would be an outlier; the limits are what is then left of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.calibration import BINS, calibration
from kenspeckle.evaluation.intervals import LEVEL, Estimate, Interval
from kenspeckle.predictions import Predictions

_SIMULATED = 4000
METHOD = "inversion along the measured gaps"


def calibration_error(
    predictions: Predictions,
    *,
    groups: NDArray[np.int64] | None = None,
    bins: int = BINS,
    seed: int = 0,
) -> Estimate:
    """0..1, of the highest probability in equal bins; the interval is about the binned error."""
    found = calibration(predictions, bins=bins)
    count = len(predictions)
    said = predictions.probabilities.max(axis=1).astype(np.float64)
    surplus = said - (predictions.predicted == predictions.labels)
    place = np.clip(np.searchsorted(found.edges, said, side="right") - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=surplus, minlength=bins) / count
    parts = np.zeros((count, bins))
    parts[np.arange(count), place] = surplus
    parts -= gaps
    if groups is not None:
        owner = np.unique(groups, return_inverse=True)[1]
        order = np.argsort(owner, kind="stable")
        starts = np.flatnonzero(np.diff(owner[order], prepend=-1))
        parts = np.add.reduceat(parts[order], starts, axis=0)
    spread = parts.T @ parts
    # a bin without a mistake says that nothing varies; by its probabilities some are to be expected
    expected = np.bincount(place, weights=said * (1 - said), minlength=bins)
    spread += np.diag(np.maximum(0.0, expected - np.diag(spread)))
    noise = np.random.default_rng(seed).multivariate_normal(
        np.zeros(bins), spread / count**2, _SIMULATED, method="eigh"
    )
    measured, tail = found.error, (1 - LEVEL) / 2

    def share_above(size: float) -> float:
        return float((np.abs(size * gaps + noise).sum(axis=1) >= measured).mean())

    low = _crossing(lambda size: share_above(size) - tail)
    high = _crossing(lambda size: share_above(size) - (1 - tail))
    return Estimate(
        value=measured,
        # without gaps at all the measured value is an outlier upwards, and stays its own limit
        interval=Interval(low=min(low, 1.0) * measured, high=min(1.0, max(high, 1.0) * measured)),
        n=count,
        method=METHOD,
    )


def _crossing(function: Callable[[float], float]) -> float:
    """Where a rising function of sizes is 0; 0 where it already is above, at most 1,000."""
    if function(0.0) >= 0:
        return 0.0
    low, high = 0.0, 1.0
    while function(high) < 0 and high < 1000:
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
