"""A linear classifier on features: multinomial logistic regression whose strength data choose.

With W the weights on standardised features it minimises the mean log-loss + strength / 2 * |W|^2;
the bias is not penalised. scikit-learn's C is 1 / (N * strength).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from kenspeckle.errors import DataError
from kenspeckle.folds import FOLDS, grouped_folds

STRENGTHS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # from strong to weak, for warm starts
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class StrengthScore:
    """What cross-validation found at one strength."""

    strength: float
    log_loss: float  # mean over all items of the negative log-likelihood out of fold, in nats
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class LinearHead:
    """A last layer, and how well the same procedure does on items that it did not see."""

    weights: Floats  # (K, D), for features as they are
    bias: Floats  # (K,)
    strength: float  # of the scores, the one with the least log-loss
    scores: tuple[StrengthScore, ...]
    probabilities: Floats  # (N, K), of each item by the fit that did not see its group
    folds: NDArray[np.int64]  # (N,), which of the fits that was


def fit_linear_head(
    features: Floats,
    labels: Labels,
    *,
    classes: int,
    groups: NDArray[np.int64] | None = None,
    class_weights: Literal["equal", "balanced"] = "equal",
    strengths: Sequence[float] = STRENGTHS,
    folds: int = FOLDS,
    progress: Callable[[int, int], None] | None = None,
) -> LinearHead:
    """The head for `features` (N, D) with `labels` (N,) in [0, classes).

    Items of one number in `groups` (N,) are never on both sides of a fold. "balanced" weighs
    each item by the inverse of the size of its class, in the fit and in the scores. `progress` is
    told before each fit how many are done, and of how many. The same input gives the same head.
    Raises `DataError` for features that are not finite, and where a class has no item or all items
    are of one group.
    """
    _check(features, labels, classes)
    groups = np.arange(len(labels)) if groups is None else groups
    fold = grouped_folds(labels, groups, folds=folds)
    standard, mean, deviation = _standardised(features)
    basis = None
    if standard.shape[1] > len(standard):
        # the best weights lie in the span of the items, and turning it keeps their length
        basis, span = np.linalg.qr(standard.T)
        standard = np.ascontiguousarray(span.T)
    importance = _importance(labels, classes, class_weights)
    strengths = sorted(strengths, reverse=True)
    said = np.empty((len(strengths), len(labels), classes), dtype=np.float32)
    parts = int(fold.max()) + 1
    for number in range(parts):
        if progress:
            progress(number, parts + 1)
        held = fold == number
        fits = _path(standard[~held], labels[~held], importance[~held], classes, strengths)
        for place, fit in enumerate(fits):
            said[place, held] = _softmax(fit.logits(standard[held]))
    scores = tuple(
        _score(shares, labels, importance, strength)
        for strength, shares in zip(strengths, said, strict=True)
    )
    best = min(range(len(scores)), key=lambda place: scores[place].log_loss)
    if progress:
        progress(parts, parts + 1)
    exact = standard.astype(np.float64)
    final = _path(exact, labels, importance, classes, [strengths[best]])[0]
    weights = (final.weights if basis is None else final.weights @ basis.T) / deviation
    return LinearHead(
        weights=weights.astype(np.float32),
        bias=(final.bias - weights @ mean).astype(np.float32),
        strength=strengths[best],
        scores=scores,
        probabilities=said[best],
        folds=fold,
    )


def _check(features: Floats, labels: Labels, classes: int) -> None:
    if features.ndim != 2 or len(features) != len(labels):
        raise DataError(
            f"{len(labels)} labels need features of shape ({len(labels)}, D), got {features.shape}"
        )
    if not np.isfinite(features).all():
        raise DataError("features hold NaN or infinity")
    if classes < 2:
        raise DataError(f"a classifier needs 2 classes or more, got {classes}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise DataError(f"labels must be in 0..{classes - 1}, got {labels.min()} to {labels.max()}")
    absent = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(absent):
        raise DataError(f"class {absent[0]} has no item to learn from")


def _standardised(features: Floats) -> tuple[Floats, NDArray[np.float64], NDArray[np.float64]]:
    """Features of mean 0 and deviation 1, and what they were; constant ones become 0.

    Over all items, folds held out among them: the labels of those are not looked at.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    deviation[deviation <= 1e-6 * np.abs(mean)] = np.inf
    deviation[deviation == 0] = np.inf
    return ((features - mean) / deviation).astype(np.float32), mean, deviation


def _importance(
    labels: Labels, classes: int, class_weights: Literal["equal", "balanced"]
) -> NDArray[np.float64]:
    """The weight (N,) of each item, of mean 1."""
    if class_weights == "equal":
        return np.ones(len(labels))
    counts = np.bincount(labels, minlength=classes)
    shares: NDArray[np.float64] = len(labels) / (classes * counts[labels])
    return shares


@dataclass(frozen=True, kw_only=True)
class _Fit:
    weights: NDArray[np.float64]  # (K, D), for standardised features
    bias: NDArray[np.float64]  # (K,)

    def logits(self, standard: Floats) -> NDArray[np.float64]:
        return (standard @ self.weights.T.astype(np.float32) + self.bias).astype(np.float64)


def _path(
    standard: Floats | NDArray[np.float64],
    labels: Labels,
    importance: NDArray[np.float64],
    classes: int,
    strengths: Sequence[float],
) -> list[_Fit]:
    """A fit for each strength, each starting from the one before; as exact as `standard` is."""
    present, own = np.unique(labels, return_inverse=True)
    targets = np.zeros((len(labels), len(present)), dtype=standard.dtype)
    targets[np.arange(len(labels)), own] = 1
    importance = importance / importance.sum()
    solution = np.zeros((standard.shape[1] + 1, len(present)))
    fits = []
    for strength in strengths:
        solution = _minimum(solution, standard, targets, importance, strength)
        weights, bias = np.zeros((classes, standard.shape[1])), np.empty(classes)
        # of a class that this fold lacks nothing is known but that it is rare: as if seen half
        bias[:] = np.log(0.5 / len(labels))
        weights[present], bias[present] = solution[:-1].T, solution[-1] - _offset(solution)
        fits.append(_Fit(weights=weights, bias=bias))
    return fits


def _offset(solution: NDArray[np.float64]) -> float:
    """The log of the sum of exponentials of the bias, which then is that of shares."""
    highest = float(solution[-1].max())
    return highest + float(np.log(np.exp(solution[-1] - highest).sum()))


def _minimum(
    start: NDArray[np.float64],
    standard: Floats | NDArray[np.float64],
    targets: Floats | NDArray[np.float64],
    importance: NDArray[np.float64],
    strength: float,
) -> NDArray[np.float64]:
    """The minimum of the penalised loss, (D + 1, K) with the bias in the last row."""
    kind = standard.dtype  # products in float32 take half the time, and choose as well
    transposed = np.ascontiguousarray(standard.T)
    share = importance.astype(kind)[:, np.newaxis]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        solution = flat.reshape(start.shape)
        weights = solution[:-1]
        logits = standard @ weights.astype(kind) + solution[-1].astype(kind)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        sums = powers.sum(axis=1, keepdims=True)
        each = np.log(sums[:, 0]) - (logits * targets).sum(axis=1)
        error = (powers / sums - targets) * share
        slope = np.empty_like(solution)
        slope[:-1] = transposed @ error + strength * weights
        slope[-1] = error.sum(axis=0, dtype=np.float64)
        penalty = strength / 2 * float((weights * weights).sum())
        return float(each.astype(np.float64) @ importance) + penalty, slope.ravel()

    fine = kind == np.float64
    options = {"maxiter": 500, "gtol": 1e-6 if fine else 1e-4, "ftol": 1e-12 if fine else 1e-9}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    solution: NDArray[np.float64] = found.x.reshape(start.shape)
    return solution


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _score(
    shares: Floats, labels: Labels, importance: NDArray[np.float64], strength: float
) -> StrengthScore:
    own = shares[np.arange(len(labels)), labels].astype(np.float64)
    losses = -np.log(np.maximum(own, np.finfo(np.float32).tiny))
    right = shares.argmax(axis=1) == labels
    return StrengthScore(
        strength=strength,
        log_loss=float(np.average(losses, weights=importance)),
        accuracy=float(np.average(right, weights=importance)),
    )
