"""Split conformal prediction: sets of classes that hold the label with a promised probability.

The promise is for items like those that the rule was fitted on, on average over them (Vovk et al.
2005); what it holds on others, and in each class, is measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError
from kenspeckle.evaluation.intervals import Estimate, share
from kenspeckle.predictions import Predictions

Scores = Literal["lac", "aps"]


@dataclass(frozen=True, kw_only=True)
class SetRule:
    """Which classes are in the set of an item."""

    scores: Scores
    wanted: float  # coverage
    quantile: float  # of the scores; infinite where the items are too few, then all classes are in
    n: int  # items that it was fitted on
    split: str

    def sets(self, probabilities: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.bool_]:
        """(N, K), true where a class is in the set, for `probabilities` (N, K); some may be empty.

        "aps" draws a number for each item, with `seed`.
        """
        found: NDArray[np.bool_] = _scores(probabilities, self.scores, seed) <= self.quantile
        return found


@dataclass(frozen=True, kw_only=True)
class ClassSets:
    """The sets of the items of one class."""

    name: str
    coverage: Estimate
    mean_size: float  # NaN where there are no items


@dataclass(frozen=True, kw_only=True)
class SetFigures:
    """How the sets of a rule do on items that it was not fitted on."""

    scores: Scores
    wanted: float
    fitted_on: str
    fitted_n: int
    measured_on: str
    coverage: Estimate  # share of the sets that hold the label
    mean_size: float  # classes in a set
    single: Estimate  # share of the sets with exactly one class
    empty: Estimate
    per_class: tuple[ClassSets, ...]


def fit_sets(
    predictions: Predictions, *, wanted: float = 0.9, scores: Scores = "lac", seed: int = 0
) -> SetRule:
    """A rule whose sets hold the label with probability `wanted`.

    "lac" makes the smallest sets (Sadinle et al. 2019); "aps" larger ones, which are larger for
    harder items and so more even between classes (Romano et al. 2020).
    """
    if not 0 < wanted < 1:
        raise ValueError(f"the wanted coverage must be between 0 and 1, got {wanted:g}")
    if not len(predictions):
        raise DataError("sets of classes need predictions to be fitted on, got none")
    count = len(predictions)
    table = _scores(predictions.probabilities, scores, seed)
    own = np.sort(table[np.arange(count), predictions.labels])
    # one more than there are: the next item is one of them
    rank = math.ceil((count + 1) * wanted - 1e-9)
    return SetRule(
        scores=scores,
        wanted=wanted,
        quantile=float(own[rank - 1]) if rank <= count else math.inf,
        n=count,
        split=predictions.split,
    )


def measure_sets(rule: SetRule, predictions: Predictions, *, seed: int = 1) -> SetFigures:
    """The coverage and size of the sets of `rule` on other items, also by class."""
    sets = rule.sets(predictions.probabilities, seed=seed)
    labels, count = predictions.labels, len(predictions)
    sizes, is_held = sets.sum(axis=1), sets[np.arange(count), labels]
    per_class = []
    for label, name in enumerate(predictions.class_names):
        chosen = labels == label
        per_class.append(
            ClassSets(
                name=name,
                coverage=share(int(is_held[chosen].sum()), int(chosen.sum())),
                mean_size=float(sizes[chosen].mean()) if chosen.any() else math.nan,
            )
        )
    return SetFigures(
        scores=rule.scores,
        wanted=rule.wanted,
        fitted_on=rule.split,
        fitted_n=rule.n,
        measured_on=predictions.split,
        coverage=share(int(is_held.sum()), count),
        mean_size=float(sizes.mean()),
        single=share(int((sizes == 1).sum()), count),
        empty=share(int((sizes == 0).sum()), count),
        per_class=tuple(per_class),
    )


def _scores(probabilities: NDArray[np.float32], scores: Scores, seed: int) -> NDArray[np.float64]:
    """(N, K), small for classes that are likely."""
    said = probabilities.astype(np.float64)
    if scores == "lac":
        return 1 - said
    if scores != "aps":
        raise ValueError(f"scores must be lac or aps, got {scores!r}")
    order = np.argsort(-said, axis=1, kind="stable")
    ranked = np.take_along_axis(said, order, axis=1)
    # a random part of the class itself counts, without which the coverage would be too high
    part = np.random.default_rng(seed).random((len(said), 1))
    found = np.empty_like(said)
    np.put_along_axis(found, order, np.cumsum(ranked, axis=1) - part * ranked, axis=1)
    return found
