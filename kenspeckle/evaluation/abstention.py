"""Abstention: how much better the answers are that a model is surest of (El-Yaniv and Wiener 2010).

It answers where the probability of its answer reaches a threshold, and is silent otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.intervals import (
    Estimate,
    Interval,
    lowest_share,
    lowest_shares,
    share,
    wilson,
)
from kenspeckle.figures.drawable import Drawable
from kenspeckle.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
RISK = 0.05  # that a guarantee does not hold
_CHOOSING_RISK = 0.002  # far below, so that the other items prove it in most cases


@dataclass(frozen=True, kw_only=True)
class AtCoverage:
    """The surest part of the items."""

    coverage: float  # share of the items that are answered; a little more where some are as sure
    threshold: float  # lowest probability among them
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class RiskCoverage(Drawable):
    """The share of wrong answers, over the share of items that are answered."""

    thresholds: NDArray[np.float64]  # (m,) every probability that occurs, descending
    answered: NDArray[np.int64]  # (m,) items of that probability or more
    wrong: NDArray[np.int64]  # (m,) of these
    n: int
    split: str

    @property
    def area(self) -> float:
        """Under the curve, 0..1: the mean share of wrong answers over all coverages.

        Items that are equally sure come in a random order (Geifman and El-Yaniv 2017, AURC).
        """
        before = np.concatenate([[0], self.answered[:-1]])
        wrong_before = np.concatenate([[0], self.wrong[:-1]])
        places = np.arange(1, self.n + 1)
        slope = (self.wrong - wrong_before) / (self.answered - before)
        row = np.searchsorted(self.answered, places)
        expected = wrong_before[row] + slope[row] * (places - before[row])
        return float((expected / places).mean())

    def at(self, coverage: float) -> AtCoverage:
        """The surest items, of which there are at least `coverage` (0..1) of all."""
        if not 0 < coverage <= 1:
            raise ValueError(f"coverage must be above 0 and at most 1, got {coverage:g}")
        # less a little, since 0.95 x 100 is not exactly 95
        row = int(np.searchsorted(self.answered, coverage * self.n - 1e-9))
        answered = int(self.answered[row])
        return AtCoverage(
            coverage=answered / self.n,
            threshold=float(self.thresholds[row]),
            accuracy=share(answered - int(self.wrong[row]), answered),
        )

    def interval(self, row: int) -> Interval:
        """Of the share of wrong answers at the threshold `row`."""
        return wilson(int(self.wrong[row]), int(self.answered[row]))

    @property
    def title(self) -> str:
        """What the figure is called."""
        return "Wrong answers over the share that is answered"

    @property
    def description(self) -> str:
        """What the surest half gains."""
        whole, half = self.at(1.0).accuracy, self.at(0.5)
        return (
            f"Of all {self.n:,} pictures {1 - whole.value:.2%} are told wrongly, of the surest "
            f"{half.coverage:.0%} {1 - half.accuracy.value:.2%} "
            f"({1 - half.accuracy.interval.high:.2%} to {1 - half.accuracy.interval.low:.2%}, "
            f"n={half.accuracy.n:,}; {self.split}). Mean over all shares: {self.area:.2%}."
        )

    def figure(self) -> Figure:
        """The curve with its 95 % intervals."""
        from kenspeckle.figures.risk_coverage import risk_coverage as draw

        return draw(self)


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A probability from which on the model answers, and how right it then is on other items."""

    wanted: float  # accuracy of the answers
    probability: float  # NaN where none was found
    chosen_on: str  # split
    chosen_n: int
    measured_on: str
    coverage: Estimate  # share of the other items that is answered
    accuracy: Estimate  # of these answers
    lowest: float  # the accuracy lies above it but for a risk of 5 % (exact, one-sided)

    @property
    def is_guaranteed(self) -> bool:
        """Whether the other items prove the wanted accuracy."""
        return self.lowest >= self.wanted


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """Of `predictions`, which must not be empty."""
    said = predictions.probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-said, kind="stable")
    wrong = np.cumsum((predictions.predicted != predictions.labels)[order])
    # of equally sure items all or none are answered
    last = np.flatnonzero(np.diff(said[order], append=-1.0))
    return RiskCoverage(
        thresholds=said[order][last],
        answered=last + 1,
        wrong=wrong[last],
        n=len(said),
        split=predictions.split,
    )


def threshold_for(choosing: Predictions, held: Predictions, *, wanted: float) -> Threshold:
    """The lowest threshold that reaches the accuracy `wanted` on `choosing`, measured on `held`.

    It must be reached by an exact lower bound, since the lowest of many is chosen. What is
    promised is what `held` shows, which must be other items: `halves` of a split, or two splits.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"the wanted accuracy must be between 0 and 1, got {wanted:g}")
    curve = risk_coverage(choosing)
    right = curve.answered - curve.wrong
    bounds = lowest_shares(right, curve.answered, risk=_CHOOSING_RISK)
    reached = curve.thresholds[bounds >= wanted]
    probability = float(reached.min()) if len(reached) else float("nan")
    is_answered = held.probabilities.max(axis=1).astype(np.float64) >= probability
    kept = int((held.predicted == held.labels)[is_answered].sum())
    answered = int(is_answered.sum())
    return Threshold(
        wanted=wanted,
        probability=probability,
        chosen_on=choosing.split,
        chosen_n=len(choosing),
        measured_on=held.split,
        coverage=share(answered, len(held)),
        accuracy=share(kept, answered),
        lowest=lowest_share(kept, answered, risk=RISK),
    )


def halves(predictions: Predictions, *, seed: int = 0) -> tuple[Predictions, Predictions]:
    """Two random halves of `predictions`, to choose on one and to measure on the other."""
    order = np.random.default_rng(seed).permutation(len(predictions))
    middle = len(order) // 2
    return predictions.take(order[:middle]), predictions.take(order[middle:])
