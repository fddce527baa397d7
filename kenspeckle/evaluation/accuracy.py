"""Accuracy, top-k, per-class figures and negative log-likelihood, each with what it is of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.intervals import Estimate
from kenspeckle.evaluation.intervals import Interval as Interval
from kenspeckle.evaluation.intervals import wilson as wilson
from kenspeckle.predictions import Predictions

TOP = (1, 2, 3, 5)
IMBALANCE = 3.0  # largest over smallest class, from which accuracy alone misleads
LEAST_PROBABILITY = np.finfo(np.float32).tiny  # so that one sure mistake does not make it infinite


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """One class: how many there are, and how well they are found."""

    name: str
    n: int  # items with this label
    precision: float  # share of right ones among those predicted as it; NaN if none was
    recall: float  # share found; NaN if there are none
    interval: Interval  # of the recall; Wilson, 95 %
    precision_interval: Interval  # Wilson, 95 %, given how many were predicted as it
    predicted: int  # items that were


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The figures of one split."""

    split: str
    n: int
    accuracy: float
    interval: Interval  # 95 %: Wilson's, or where groups are alike that of `metrics`
    balanced_accuracy: float  # mean recall of the classes that are there
    macro_f1: float  # mean over these classes of the harmonic mean of precision and recall
    imbalance: float  # items of the largest class over those of the smallest that is there
    nll: float  # mean negative log-likelihood, in nats
    top_k: dict[int, float]
    per_class: tuple[ClassFigures, ...]
    # of a model that tells a number, in its unit; the accuracy is then the share of exact counts
    mean_absolute_error: float | None = None
    # each of the figures above and more with its interval, n and method; empty where only `measure`
    # was asked, which takes no time
    metrics: dict[str, Estimate] = field(default_factory=dict)

    @property
    def is_imbalanced(self) -> bool:
        """Whether accuracy alone says too little."""
        return self.imbalance > IMBALANCE


def measure(predictions: Predictions) -> Measurement:
    """The figures of `predictions`, which must not be empty; `measure_fully` adds intervals."""
    right = int((predictions.predicted == predictions.labels).sum())
    count = len(predictions)
    places = places_of(predictions)
    per_class = _per_class(predictions)
    present = [figures for figures in per_class if figures.n]
    return Measurement(
        split=predictions.split,
        n=count,
        accuracy=right / count,
        interval=wilson(right, count),
        balanced_accuracy=sum(figures.recall for figures in present) / len(present),
        macro_f1=sum(_f1(figures) for figures in present) / len(present),
        imbalance=max(f.n for f in present) / min(f.n for f in present),
        nll=float(log_losses(predictions).mean()),
        top_k={k: float((places < k).mean()) for k in TOP if k < len(predictions.class_names)},
        per_class=per_class,
        mean_absolute_error=_absolute_error(predictions),
    )


def log_losses(predictions: Predictions) -> NDArray[np.float64]:
    """Negative log-likelihood of each item, (N,), in nats."""
    own = predictions.probabilities[np.arange(len(predictions)), predictions.labels]
    losses: NDArray[np.float64] = -np.log(np.maximum(own.astype(np.float64), LEAST_PROBABILITY))
    return losses


def _f1(figures: ClassFigures) -> float:
    """0 where the class was never found."""
    if not figures.recall:
        return 0.0
    return 2 * figures.precision * figures.recall / (figures.precision + figures.recall)


def _absolute_error(predictions: Predictions) -> float | None:
    if predictions.values is None:
        return None
    numbers = np.array([float(name) for name in predictions.class_names])
    return float(np.abs(predictions.values - numbers[predictions.labels]).mean())


def top_k(predictions: Predictions, k: int) -> float:
    """Share of items whose label is among the `k` most probable classes."""
    return float((places_of(predictions) < k).mean())


def places_of(predictions: Predictions) -> NDArray[np.int64]:
    """How many classes come before the label of each item, (N,); 0 where it is predicted."""
    labels = predictions.labels[:, np.newaxis]
    own = np.take_along_axis(predictions.probabilities, labels, axis=1)
    # ties are decided as argmax does, so top-1 is the accuracy; counting is faster than sorting
    earlier = np.arange(len(predictions.class_names)) < labels
    before = (predictions.probabilities > own) | (earlier & (predictions.probabilities == own))
    places: NDArray[np.int64] = before.sum(axis=1)
    return places


def _per_class(predictions: Predictions) -> tuple[ClassFigures, ...]:
    labels, predicted = predictions.labels, predictions.predicted
    classes = len(predictions.class_names)
    actual, claimed, both = (
        np.bincount(items, minlength=classes).tolist()
        for items in (labels, predicted, labels[labels == predicted])
    )
    nan = float("nan")
    return tuple(
        ClassFigures(
            name=name,
            n=n,
            precision=right / said if said else nan,
            recall=right / n if n else nan,
            interval=wilson(right, n) if n else Interval(low=0.0, high=1.0),
            precision_interval=wilson(right, said) if said else Interval(low=0.0, high=1.0),
            predicted=said,
        )
        for name, n, said, right in zip(predictions.class_names, actual, claimed, both, strict=True)
    )
