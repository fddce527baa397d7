"""What a model may be relied on for: answers that it is surest of, and sets of classes."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.evaluation.abstention import (
    COVERAGES,
    AtCoverage,
    Threshold,
    risk_coverage,
    threshold_for,
)
from kenspeckle.evaluation.conformal import SetFigures, fit_sets, measure_sets
from kenspeckle.predictions import Predictions

WANTED = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)  # what is asked of answers and of sets


@dataclass(frozen=True, kw_only=True)
class Reliance:
    """Of one split; threshold and sets were chosen on another one."""

    at_coverage: tuple[AtCoverage, ...]
    area: float  # under the risk-coverage curve
    threshold: Threshold
    sets: tuple[SetFigures, ...]  # by "lac" and by "aps"


def reliance(predictions: Predictions, validation: Predictions) -> Reliance:
    """Of `predictions`; what must be chosen is chosen on `validation`, which has the same classes.

    Asked for is the lowest of `WANTED` that leaves out half of the mistakes on `validation`, or the
    highest: of the answers that are given as accuracy, of the sets as coverage.
    """
    errors = float((validation.predicted != validation.labels).mean())
    wanted = min([one for one in WANTED if 1 - one <= errors / 2] or [WANTED[-1]])
    curve = risk_coverage(predictions)
    return Reliance(
        at_coverage=tuple(curve.at(coverage) for coverage in COVERAGES),
        area=curve.area,
        threshold=threshold_for(validation, predictions, wanted=wanted),
        sets=tuple(
            measure_sets(fit_sets(validation, wanted=wanted, scores=scores), predictions)
            for scores in ("lac", "aps")
        ),
    )
