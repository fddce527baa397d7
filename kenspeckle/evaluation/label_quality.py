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
    chosen, suggested = _pruned(shares, labels, expected(joint, labels))
    margins = shares[chosen, suggested] - shares[chosen, labels[chosen]]
    order = np.argsort(-margins, kind="stable")
    return Suspects(
        items=chosen[order],
        suggested=suggested[order],
        margins=margins[order],
        joint=joint,
        n=count,
    )


def expected(joint: NDArray[np.int64], labels: NDArray[np.int64]) -> Floats:
    """(K, K) how many items of each label are of each class: `joint`, scaled to all items."""
    counts = np.bincount(labels, minlength=len(joint))
    seen = joint.sum(axis=1)
    scale = np.where(seen > 0, counts / np.maximum(1, seen), 0.0)
    found: Floats = joint.astype(np.float64) * scale[:, None]
    return found


def _pruned(
    shares: Floats, labels: NDArray[np.int64], counts: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items and suggestions: of each pair of classes as many as expected, the clearest first.

    "Prune by noise rate" of the paper; an item that its own label suits best is none.
    """
    best = shares.argmax(axis=1)
    chosen = np.zeros(len(labels), dtype=bool)
    for label, suggestion in np.argwhere(np.rint(counts) > 0):
        if label == suggestion:
            continue
        own = np.flatnonzero(labels == label)
        margins = shares[own, suggestion] - shares[own, label]
        most = round(float(counts[label, suggestion]))
        chosen[own[np.argsort(-margins, kind="stable")[:most]]] = True
    items = np.flatnonzero(chosen & (best != labels))
    return items, best[items]


def thresholds(shares: Floats, labels: NDArray[np.int64]) -> Floats:
    """(K,) mean probability of each class on items labelled so; infinite where there are none."""
    own = shares[np.arange(len(labels)), labels]
    classes = shares.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(1, counts), np.inf)
