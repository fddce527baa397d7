"""Bias or variance: which part of the error more data, or a larger network, would take away.

Seed document 003 (Learn TensorFlow Now 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kenspeckle.evaluation.accuracy import Interval, wilson

_MOST_BIAS = 0.05  # error on what was trained on that is worth an attempt at a larger network


@dataclass(frozen=True, kw_only=True)
class BiasVariance:
    """The error of a run in two parts."""

    train_accuracy: float
    train_n: int
    other_accuracy: float  # on pictures that it has not learned from
    other_n: int
    best: float  # what could be reached at all, 1 unless the user knows better

    @property
    def bias(self) -> float:
        """Error on the training pictures themselves."""
        return max(0.0, self.best - self.train_accuracy)

    @property
    def variance(self) -> float:
        """How much worse it is on pictures that it has not seen."""
        return self.train_accuracy - self.other_accuracy

    @property
    def intervals(self) -> tuple[Interval, Interval]:
        """Wilson's, of both accuracies."""
        return (
            wilson(round(self.train_accuracy * self.train_n), self.train_n),
            wilson(round(self.other_accuracy * self.other_n), self.other_n),
        )

    @property
    def verdict(self) -> Literal["high variance", "high bias", "both", "neither"]:
        """Which of the two is large; a gap within the two intervals counts as none."""
        train, other = self.intervals
        variance = train.low > other.high and self.variance > self.bias / 3
        bias = self.bias > _MOST_BIAS and self.bias > max(0.0, self.variance) / 3
        if variance and bias:
            return "both"
        return "high variance" if variance else "high bias" if bias else "neither"

    @property
    def words(self) -> str:
        """The verdict with its numbers and what to do next."""
        numbers = (
            f"{self.train_accuracy:.1%} of the training pictures (n={self.train_n:,}) and "
            f"{self.other_accuracy:.1%} of others (n={self.other_n:,}): "
            f"bias {self.bias:.1%}, variance {self.variance:.1%}"
        )
        return f"{numbers}. {_ADVICE[self.verdict]}"


_ADVICE = {
    "high variance": (
        "High variance: it has learned its pictures by heart; more data, augmentation, dropout or "
        "weight decay will help, a larger network will not."
    ),
    "high bias": (
        "High bias: it cannot even learn its own pictures; a larger network or a longer training "
        "will help, more data will not."
    ),
    "both": (
        "Both: train longer or with a larger network until the training pictures are learned, then "
        "add data or augmentation for the rest."
    ),
    "neither": "Neither is large: what is left may be in the labels, or needs other pictures.",
}
