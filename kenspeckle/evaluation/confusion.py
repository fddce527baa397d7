"""Confusion: which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """Items of one class that are taken for another."""

    label: int
    predicted: int
    count: int
    n: int  # items of the class `label`

    @property
    def share(self) -> float:
        """Of the items of the class, 0..1."""
        return self.count / self.n


@dataclass(frozen=True, kw_only=True)
class ConfusionPart:
    """The rows and columns of a few classes; what is outside of them is summed."""

    labels: tuple[int, ...]  # ascending
    counts: NDArray[np.int64]  # (m, m)
    others: NDArray[np.int64]  # (m,) items of each that are taken for a class outside
    n: NDArray[np.int64]  # (m,) items of each
    mistakes: int  # between two of these classes


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often each class is taken for each."""

    counts: NDArray[np.int64]  # (K, K): rows are labels, columns what was predicted
    class_names: tuple[str, ...]

    @property
    def mistakes(self) -> int:
        """All items that are taken for another class."""
        return int(self.counts.sum() - self.counts.trace())

    @property
    def pairs(self) -> tuple[ConfusedPair, ...]:
        """Every pair that occurs, the most frequent first; of equal counts the larger share."""
        sizes = self.counts.sum(axis=1)
        found = [
            ConfusedPair(
                label=label,
                predicted=predicted,
                count=int(self.counts[label, predicted]),
                n=int(sizes[label]),
            )
            for label, predicted in np.argwhere(self.counts).tolist()
            if label != predicted
        ]
        return tuple(
            sorted(found, key=lambda pair: (-pair.count, -pair.share, pair.label, pair.predicted))
        )

    def part(self, most: int) -> ConfusionPart:
        """The `most` classes that take part in the most mistakes, or all where there are fewer."""
        wrong = self.counts - np.diag(np.diag(self.counts))
        involved = wrong.sum(axis=0) + wrong.sum(axis=1)
        labels = np.sort(np.argsort(-involved, kind="stable")[:most])
        counts = self.counts[np.ix_(labels, labels)]
        sizes = self.counts.sum(axis=1)[labels]
        return ConfusionPart(
            labels=tuple(labels.tolist()),
            counts=counts,
            others=sizes - counts.sum(axis=1),
            n=sizes,
            mistakes=int(counts.sum() - counts.trace()),
        )


def confusion(predictions: Predictions) -> Confusion:
    """Count `predictions` by label and predicted class."""
    classes = len(predictions.class_names)
    places = predictions.labels * classes + predictions.predicted
    counts = np.bincount(places, minlength=classes * classes).reshape(classes, classes)
    return Confusion(counts=counts, class_names=predictions.class_names)
