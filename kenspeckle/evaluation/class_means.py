"""Means over classes, in which all count alike however large: balanced accuracy, macro F1."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.accuracy import Measurement
from kenspeckle.evaluation.bootstrap import Array, Statistic, bootstrap
from kenspeckle.evaluation.intervals import Estimate, Interval, effective
from kenspeckle.predictions import Predictions

FEW = 2000  # items, below which the bootstrap of macro F1 is better than its derivative
DELTA, MOVER, BCA = "Wilson for the effective n", "Wilson of each class, combined", "BCa bootstrap"


def balanced_accuracy(
    predictions: Predictions, measured: Measurement, groups: NDArray[np.int64] | None
) -> Estimate:
    """The mean recall of the classes that are there."""
    value, n, labels = measured.balanced_accuracy, measured.n, predictions.labels
    if groups is None:
        # classes are independent of each other: the margins add up like errors, on each side
        # for itself (Zou and Donner 2008)
        found = [(row.recall, row.interval) for row in measured.per_class if row.n]
        below = math.hypot(*(recall - interval.low for recall, interval in found)) / len(found)
        above = math.hypot(*(interval.high - recall for recall, interval in found)) / len(found)
        interval = Interval(low=max(0.0, value - below), high=min(1.0, value + above))
        return Estimate(value=value, interval=interval, n=n, method=MOVER)
    sizes, recalls, _ = _by_class(measured)
    is_right = predictions.predicted == labels
    influences = (is_right - recalls[labels]) / sizes[labels] / (sizes > 0).sum()
    interval = effective(value, influences, groups=groups, most=_most(sizes))
    return Estimate(value=value, interval=interval, n=n, method=DELTA)


def macro_f1(
    predictions: Predictions, measured: Measurement, groups: NDArray[np.int64] | None
) -> Estimate:
    """The mean over the classes that are there of 2 right / (items + predicted)."""
    value, n = measured.macro_f1, measured.n
    if n < FEW and measured.accuracy < 1.0:
        statistic = f1_statistic(predictions)
        interval = bootstrap(statistic, n, groups=groups, method="bca")
        return Estimate(value=value, interval=interval, n=n, method=BCA)
    interval = f1_by_derivative(predictions, measured, groups)
    return Estimate(value=value, interval=interval, n=n, method=DELTA)


def f1_by_derivative(
    predictions: Predictions, measured: Measurement, groups: NDArray[np.int64] | None
) -> Interval:
    """Of macro F1, from its derivatives by the weights of the items."""
    sizes, recalls, claimed = _by_class(measured)
    both = sizes + claimed
    scores = np.divide(2 * recalls * sizes, both, out=np.zeros(len(both)), where=both > 0)
    labels, predicted = predictions.labels, predictions.predicted
    loss = np.divide(scores, both, out=np.zeros(len(both)), where=sizes > 0)
    gain = np.where(labels == predicted, 2 / both[labels], 0.0)
    influences = (gain - loss[labels] - loss[predicted]) / (sizes > 0).sum()
    return effective(measured.macro_f1, influences, groups=groups, most=_most(sizes))


def f1_statistic(predictions: Predictions) -> Statistic:
    """Macro F1 as a function of weights (R, N), over the classes that are there at all."""
    labels, predicted = predictions.labels, predictions.predicted
    present, own = np.unique(labels, return_inverse=True)
    place = np.full(len(predictions.class_names), -1)
    place[present] = np.arange(len(present))

    def sums(weights: Array, chosen: NDArray[np.int64]) -> Array:
        """(R, classes) of the weights of items whose class is `chosen` (N,), -1 for none."""
        order = np.argsort(chosen, kind="stable")
        numbers, starts = np.unique(chosen[order], return_index=True)
        found = np.zeros((len(weights), len(present)))
        parts = np.add.reduceat(weights[:, order], starts, axis=1)
        found[:, numbers[numbers >= 0]] = parts[:, numbers >= 0]
        return found

    def statistic(weights: Array) -> Array:
        right = sums(weights, np.where(labels == predicted, own, -1))
        both = sums(weights, own) + sums(weights, place[predicted])
        scores = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
        return np.asarray(scores.mean(axis=1))

    return statistic


def _by_class(measured: Measurement) -> tuple[Array, Array, Array]:
    """Items, recall (0 where there are none) and how often it is predicted, of each class (K,)."""
    rows = [(row.n, row.recall if row.n else 0.0, row.predicted) for row in measured.per_class]
    sizes, recalls, claimed = np.array(rows, dtype=np.float64).T
    return sizes, recalls, claimed


def _most(sizes: Array) -> float:
    """Of how many items a share would vary as much, were all classes told equally well."""
    present = sizes[sizes > 0]
    return len(present) ** 2 / float((1 / present).sum())
