"""All that is measured of a source or a run; the findings are a function of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.diagnosis.causes import root_causes
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.inputs import InputFacts, input_findings
from kenspeckle.diagnosis.label_change import LabelChange
from kenspeckle.diagnosis.learning_curve import LearningCurve, curve_findings
from kenspeckle.diagnosis.look_alikes import (
    LookAlikes,
    copy_findings,
    label_findings,
    split_label_findings,
)
from kenspeckle.diagnosis.memorising import Memorised, memorising_findings
from kenspeckle.diagnosis.outcome import Outcome, outcome_findings
from kenspeckle.diagnosis.preprocessing_gap import Gap, gap_findings
from kenspeckle.diagnosis.rate_range import RateRange, rate_findings
from kenspeckle.diagnosis.shift import Shift, shift_findings
from kenspeckle.diagnosis.shuffled_labels import ShuffleControl, shuffle_findings
from kenspeckle.diagnosis.start import StartFacts, start_findings

_SLACK = 0.1  # of accuracy


@dataclass(frozen=True, kw_only=True)
class Facts:
    """None: not measured, because it does not apply or was not asked for."""

    inputs: InputFacts | None = None
    alike: LookAlikes | None = None
    shifts: tuple[Shift, ...] = ()
    changes: tuple[LabelChange, ...] = ()
    start: StartFacts | None = None
    is_class_head: bool = True
    memorised: Memorised | None = None
    rates: RateRange | None = None
    control: ShuffleControl | None = None
    failure: str = ""  # why the training broke off
    outcome: Outcome | None = None
    gap: Gap | None = None
    curve: LearningCurve | None = None


def findings_of(facts: Facts) -> tuple[Finding, ...]:
    """What is wrong, the root cause first."""
    found: list[Finding] = []
    start = _of_start(facts)
    if facts.failure:
        found.append(_of_failure(facts, start))
    if facts.inputs:
        found += input_findings(facts.inputs)
    kinds = [item for shift in facts.shifts for item in shift_findings(shift)]
    kinds += gap_findings(facts.gap) if facts.gap else []
    found += kinds
    if facts.alike:
        found += copy_findings(facts.alike)
        # labels that a network tells on pictures it has not seen are no noise
        if _told(facts) <= 1 - facts.alike.noise + _SLACK:
            found += label_findings(facts.alike)
        # where pictures differ, that explains why look-alikes disagree
        found += [] if kinds else split_label_findings(facts.alike)
    found += _of_augmentation(facts.changes)
    found += start
    if facts.memorised:
        found += memorising_findings(facts.memorised)
    if facts.rates:
        found += rate_findings(facts.rates)
    if facts.control:
        found += shuffle_findings(facts.control)
    if facts.outcome:
        found += outcome_findings(facts.outcome)
    if facts.curve:
        found += curve_findings(facts.curve)
    return root_causes(found)


def _told(facts: Facts) -> float:
    """The accuracy of a network on validation pictures, the best that is known."""
    outcome = facts.outcome.balance.other_accuracy if facts.outcome else 0.0
    return max(outcome, facts.control.real if facts.control else 0.0)


def _of_augmentation(changes: Sequence[LabelChange]) -> list[Finding]:
    worst = max(
        (change for change in changes if change.is_fault),
        key=lambda change: change.plain - change.changed,
        default=None,
    )
    if worst is None:
        return []
    return [
        Finding(
            name="augmentation changes labels",
            evidence=f"augment.{worst.operation}: {worst.finding.evidence}",
            why="pictures become those of another class and keep their label",
            advice=f"--set augment.{worst.operation}=0",
        )
    ]


def _of_start(facts: Facts) -> list[Finding]:
    """Of the start; a small one that was overcome by the training is no fault."""
    if not facts.start:
        return []
    found = start_findings(facts.start, is_class_head=facts.is_class_head)
    learned = facts.outcome is not None and not facts.outcome.is_poor
    mild = ("vanishing gradients", "dead ReLUs")
    return [item for item in found if not (learned and item.name in mild)]


def _of_failure(facts: Facts, start: list[Finding]) -> Finding:
    why, advice = "the steps are so large that numbers overflow", "lower optimizer.rate"
    if any(item.name == "exploding gradients" for item in start):
        why, advice = start[0].why, start[0].advice
    elif facts.rates and math.isfinite(min(facts.rates.mean)):
        best = facts.rates.rate * facts.rates.factors[facts.rates.best]
        advice = f"--set optimizer.rate={best:.2g}"
    return Finding(name="not a number", evidence=facts.failure, why=why, advice=advice)
