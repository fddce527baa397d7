"""The temperature that logits are divided by, so that probabilities are believed no more than due.

One number is fitted on predictions that the network did not learn from (Guo et al. 2017). It is
kept only where it would have helped: parts are told with a temperature fitted on the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from kenspeckle.evaluation.accuracy import LEAST_PROBABILITY, log_losses
from kenspeckle.evaluation.calibration import calibration
from kenspeckle.predictions import Predictions

FEWEST = 100  # items, below which one temperature fits noise
FEWEST_MISTAKES = 5  # without some the best temperature is 0
LOWEST, HIGHEST = 0.05, 20.0
_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """What was fitted, and what it changed on items that it was not fitted on."""

    value: float  # 1 changes nothing
    n: int  # items that it was fitted on
    split: str
    log_loss_before: float
    log_loss_after: float  # cross-fitted; as before where `value` stayed 1
    ece_before: float
    ece_after: float  # cross-fitted
    reason: str = ""  # why it stayed 1


def fit_temperature(
    predictions: Predictions, *, groups: NDArray[np.int64] | None = None
) -> Temperature:
    """The temperature for `predictions`, which were made with temperature 1.

    Items of one of the `groups` (N,) are never on both sides while it is judged.
    """
    n, mistakes = len(predictions), int((predictions.predicted != predictions.labels).sum())
    before = log_loss(predictions)
    kept = Temperature(
        value=1.0,
        n=n,
        split=predictions.split,
        log_loss_before=before,
        log_loss_after=before,
        ece_before=calibration(predictions).error,
        ece_after=calibration(predictions).error,
    )
    if n < FEWEST:
        return refused(kept, f"{n} pictures are too few (at least {FEWEST})")
    if mistakes < FEWEST_MISTAKES:
        return refused(kept, f"{mistakes} mistakes are too few (at least {FEWEST_MISTAKES})")
    crossed = _crossed(predictions, np.arange(n) if groups is None else groups)
    after = log_loss(crossed)
    if not after < before:
        return refused(
            kept, f"cross-fitted it gives a log-loss of {after:.4f} instead of {before:.4f}"
        )
    value = _best(predictions, np.ones(n, dtype=bool))
    return replace(kept, value=value, log_loss_after=after, ece_after=calibration(crossed).error)


def refused(fitted: Temperature, reason: str) -> Temperature:
    """A temperature of 1, and why."""
    return replace(
        fitted,
        value=1.0,
        log_loss_after=fitted.log_loss_before,
        ece_after=fitted.ece_before,
        reason=reason,
    )


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """`predictions` of temperature 1 as they are with another; the most probable class stays."""
    said = _logits(predictions) / temperature
    shares = np.exp(log_softmax(said, axis=1))
    return replace(predictions, probabilities=shares.astype(np.float32))


def log_loss(predictions: Predictions) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(log_losses(predictions).mean())


def _crossed(predictions: Predictions, groups: NDArray[np.int64]) -> Predictions:
    """Every part told with the temperature of the others."""
    names, owner = np.unique(groups, return_inverse=True)
    part = (np.random.default_rng(0).permutation(len(names)) % _FOLDS)[owner]
    shares = np.empty_like(predictions.probabilities)
    for number in range(_FOLDS):
        held = part == number
        if held.any() and not held.all():
            made = scaled(predictions, _best(predictions, ~held))
            shares[held] = made.probabilities[held]
        else:
            shares[held] = predictions.probabilities[held]
    return replace(predictions, probabilities=shares)


def _best(predictions: Predictions, chosen: NDArray[np.bool_]) -> float:
    logits, labels = _logits(predictions)[chosen], predictions.labels[chosen]
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(logits / np.exp(logarithm), axis=1)[rows, labels].mean())

    found = minimize_scalar(
        loss,
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    # so many digits are enough, and the rest depends on the machine
    return float(f"{np.exp(found.x):.4g}")


def _logits(predictions: Predictions) -> NDArray[np.float64]:
    """Up to a constant of each item, which changes nothing."""
    shares = predictions.probabilities.astype(np.float64)
    logits: NDArray[np.float64] = np.log(np.maximum(shares, LEAST_PROBABILITY))
    return logits
