"""Which labels are probably wrong, by probabilities of models that have not seen the items.

Confident learning (Northcutt, Jiang and Chuang 2021): a class is believed of an item where its
probability reaches the mean that items of that class have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """Items whose label is probably wrong, the worst first."""

    items: NDArray[np.int64]  # (n,)
    suggested: NDArray[np.int64]  # (n,) classes
    margins: Floats  # (n,) probability of the suggestion minus that of the label
    joint: NDArray[np.int64]  # (K, K) items by label and by believed class
    n: int  # items that were judged

    @property
    def share(self) -> float:
        """Of items that are suspected."""
        return len(self.items) / self.n


def suspects(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Suspects:
    """Judge `labels` (N,) by out-of-fold `probabilities` (N, K).

    Raises `DataError` where the shapes disagree or a probability is not finite.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise DataError(
            f"{len(labels)} labels need probabilities ({len(labels)}, K), got {probabilities.shape}"
        )
    shares = probabilities.astype(np.float64)
    if not np.isfinite(shares).all():
        raise DataError("probabilities must be finite, got NaN or infinity")
    count, classes = shares.shape
    believed = np.where(shares >= thresholds(shares, labels), shares, -1.0)
    rows = np.arange(count)
    best = believed.argmax(axis=1)
    is_believed = believed[rows, best] >= 0
    joint = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(joint, (labels[is_believed], best[is_believed]), 1)
    margins = shares[rows, best] - shares[rows, labels]
    # an item that its own label still suits best is none, however modest the thresholds are
    chosen = np.flatnonzero(is_believed & (best != labels) & (margins > 0))
    order = chosen[np.argsort(-margins[chosen], kind="stable")]
    return Suspects(
        items=order,
        suggested=best[order],
        margins=margins[order],
        joint=joint,
        n=count,
    )


def thresholds(shares: Floats, labels: NDArray[np.int64]) -> Floats:
    """(K,) mean probability of each class on items labelled so; infinite where there are none."""
    own = shares[np.arange(len(labels)), labels]
    classes = shares.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(1, counts), np.inf)
