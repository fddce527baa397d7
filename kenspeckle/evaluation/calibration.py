"""Calibration: whether what is said with 80 % is right in 80 of 100 cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.accuracy import Interval, wilson
from kenspeckle.predictions import Predictions

BINS = 15


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The probability of each answer against how often such answers are right, in equal bins."""

    edges: NDArray[np.float64]  # (bins + 1,) from 0 to 1
    count: NDArray[np.int64]  # (bins,) items
    confidence: NDArray[np.float64]  # (bins,) mean probability of the answer; NaN where empty
    accuracy: NDArray[np.float64]  # (bins,) share of right answers; NaN where empty

    @property
    def n(self) -> int:
        """All items."""
        return int(self.count.sum())

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1: the mean gap of the bins, weighted by their items."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float((gaps * self.count[filled]).sum() / self.n)

    @property
    def excess(self) -> float:
        """Mean probability less the accuracy, -1..1: above 0 it is surer than it is right."""
        filled = self.count > 0
        gaps = (self.confidence - self.accuracy)[filled]
        return float((gaps * self.count[filled]).sum() / self.n)

    @property
    def intervals(self) -> tuple[Interval | None, ...]:
        """Wilson's, of the accuracy of each bin; None where it is empty."""
        return tuple(
            wilson(round(share * count), count) if count else None
            for share, count in zip(self.accuracy.tolist(), self.count.tolist(), strict=True)
        )


def calibration(predictions: Predictions, *, bins: int = BINS) -> Calibration:
    """Bin the highest probability of each item of `predictions`, which must not be empty.

    A bin holds its lower edge, the last one both.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    said = predictions.probabilities.max(axis=1).astype(np.float64)
    right = predictions.predicted == predictions.labels
    # float32 shares may sum to a little more than 1
    place = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Calibration(
            edges=edges,
            count=count,
            confidence=np.bincount(place, weights=said, minlength=bins) / count,
            accuracy=np.bincount(place, weights=right, minlength=bins) / count,
        )
