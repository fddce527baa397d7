"""Every figure of a split with its 95 % interval, n and method (docs/statistics.md)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.accuracy import Measurement, log_losses, measure, places_of
from kenspeckle.evaluation.bootstrap import studentised
from kenspeckle.evaluation.calibration_error import calibration_error
from kenspeckle.evaluation.class_means import DELTA, balanced_accuracy, macro_f1
from kenspeckle.evaluation.intervals import Estimate, Interval, effective, share
from kenspeckle.evaluation.ranking import auroc
from kenspeckle.predictions import Predictions

Groups = NDArray[np.int64] | None
STUDENTISED = "studentised bootstrap"


def measure_fully(predictions: Predictions, *, groups: Groups = None) -> Measurement:
    """All figures of `predictions`, which must not be empty, each with its interval.

    Items of one of the `groups` (N,), such as pictures of one person, are taken to be alike: what
    is independent is the groups. Takes half a second for 10,000 items.
    """
    groups = _that_matter(groups)
    measured = measure(predictions)
    ranked = places_of(predictions)
    found = {"accuracy": _share(predictions.predicted == predictions.labels, groups)}
    for k in measured.top_k:
        if k > 1:
            found[f"top_{k}"] = _share(ranked < k, groups)
    found["balanced_accuracy"] = balanced_accuracy(predictions, measured, groups)
    found["macro_f1"] = macro_f1(predictions, measured, groups)
    found["auroc"] = auroc(predictions, groups=groups)
    found["log_loss"] = _mean(log_losses(predictions), groups)
    found["brier"] = _mean(brier_scores(predictions), groups)
    found["ece"] = calibration_error(predictions, groups=groups)
    if groups is not None:
        whose = f"of {len(np.unique(groups)):,} groups"
        found = {
            name: replace(estimate, method=f"{estimate.method}, {whose}")
            for name, estimate in found.items()
        }
    return replace(measured, interval=found["accuracy"].interval, metrics=found)


def accuracy_of(predictions: Predictions, *, groups: Groups = None) -> Estimate:
    """The accuracy alone, as `measure_fully` tells it but for the name of the groups."""
    return _share(predictions.predicted == predictions.labels, _that_matter(groups))


def brier_scores(predictions: Predictions) -> NDArray[np.float64]:
    """Squared distance of the probabilities of each item from its label, (N,), 0..2."""
    said = predictions.probabilities.astype(np.float64)
    own = said[np.arange(len(said)), predictions.labels]
    scores: NDArray[np.float64] = (said**2).sum(axis=1) - 2 * own + 1
    return scores


def _that_matter(groups: Groups) -> Groups:
    """None where every item is a group of its own."""
    return None if groups is None or len(np.unique(groups)) == len(groups) else groups


def _share(is_right: NDArray[np.bool_], groups: Groups) -> Estimate:
    count, right = len(is_right), int(is_right.sum())
    if groups is None:
        return share(right, count)
    value = right / count
    influences = (is_right - value) / count
    interval = effective(value, influences, groups=groups, most=count)
    return Estimate(value=value, interval=interval, n=count, method=DELTA)


def _mean(values: NDArray[np.float64], groups: Groups) -> Estimate:
    found = studentised(values, groups=groups)
    return Estimate(
        value=float(values.mean()),
        interval=Interval(low=max(0.0, found.low), high=found.high),
        n=len(values),
        method=STUDENTISED,
    )
