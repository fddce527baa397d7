"""The verdict on a run in a few sentences, each with its numbers; nothing here computes one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kenspeckle.pages.text import percent

if TYPE_CHECKING:
    from kenspeckle.briefing.record import Briefing
    from kenspeckle.diagnosis.bias_variance import BiasVariance

_SMALL_GAP = 0.01  # of accuracies or probabilities: nothing to act on
_ENOUGH = 500  # pictures, below which chance is larger than such gaps


def verdict(found: Briefing) -> list[str]:
    """What the data supports: the role of the split, the worst confusion, causes, findings."""
    return [
        *_role(found),
        *_classes(found),
        *_confusion(found),
        *_balance(found.balance),
        *_calibration(found),
        *_data(found),
    ]


def _role(found: Briefing) -> Iterator[str]:
    role, n = found.shown.role, found.shown.measurement.n
    if found.evidence.folds:
        yield (
            f"This is validation by {found.evidence.folds} folds: each of {n:,} pictures was told "
            "by a model that had not seen it, and the final one has learned from all of them. "
            "Settings were chosen by the same folds."
        )
    elif role == "chosen on":
        yield (
            "The model was chosen on these validation pictures, so others will be told a little "
            "worse."
        )
    elif role == "untouched":
        yield "The test split was opened once, after all choices were made."
    elif role == "opened before":
        yield (
            f"The test split was opened {found.openings} times; choices made after the first look "
            "make this number too good."
        )
    if not found.openings:
        yield f"The test split is untouched: ken evaluate {found.path} opens it."


def _classes(found: Briefing) -> Iterator[str]:
    measured = found.shown.measurement
    if measured.mean_absolute_error is not None:
        yield (
            f"It tells a number, which is off by {measured.mean_absolute_error:.3g} in the mean; "
            "the accuracy is the share of exact ones."
        )
    if measured.is_imbalanced:
        yield (
            f"The classes are unequal (the largest has {measured.imbalance:.1f} times the pictures "
            "of the smallest): if all counted alike, "
            f"{percent(measured.balanced_accuracy)} would be right."
        )


def _confusion(found: Briefing) -> Iterator[str]:
    evidence = found.evidence
    if not evidence.pairs:
        yield "No picture is taken for another class."
        return
    pair, _ = evidence.pairs[0]
    names = found.data.class_names
    times = "once" if pair.count == 1 else f"{pair.count:,} times"
    mistakes = f"{len(evidence.mistakes):,} mistake{'s' if len(evidence.mistakes) > 1 else ''}"
    yield (
        f"The most frequent of {mistakes}: {names[pair.label]} taken for {names[pair.predicted]}, "
        f"{times} in {pair.n:,} ({percent(pair.share)})."
    )


def _balance(found: BiasVariance | None) -> Iterator[str]:
    if not found:
        return
    both = (
        f"Of {found.train_n:,} training pictures {percent(found.train_accuracy, 2)} are told "
        f"rightly, of these {percent(found.other_accuracy, 2)}"
    )
    is_small = max(found.bias, found.variance) < _SMALL_GAP
    if is_small and found.other_n >= _ENOUGH:
        yield f"{both}: it neither overfits nor underfits by as much as a point."
        return
    match "neither" if is_small else found.verdict:
        case "high variance":
            yield (
                f"{both}: it overfits. More data, augmentation, dropout or weight decay can help, "
                "a larger network will not."
            )
        case "high bias":
            yield f"{both}: it underfits. A larger network or a longer training can help."
        case "both":
            yield (
                f"{both}: it underfits and overfits. Let it learn its own pictures first, by a "
                "longer training or a larger network; then add data or augmentation."
            )
        case "neither":
            yield f"{both}: neither over- nor underfitting is larger than chance allows."


def _calibration(found: Briefing) -> Iterator[str]:
    item = found.evidence.calibration
    if found.shown.measurement.n < _ENOUGH:
        return  # chance alone makes such an error
    if item.error < _SMALL_GAP:
        yield (
            "Its probabilities can be taken at their word "
            f"(calibration error {percent(item.error)})."
        )
    elif abs(item.excess) > item.error / 2:
        side = "too sure" if item.excess > 0 else "too modest"
        yield (
            f"Its probabilities are {side}, by {percent(abs(item.excess))} in the mean "
            f"(calibration error {percent(item.error)})."
        )
    else:
        yield f"Its probabilities are off by {percent(item.error)} in the mean, to both sides."


def _data(found: Briefing) -> Iterator[str]:
    faults = [item.name for item in found.data.findings if item.is_fault]
    if faults:
        yield f"In the data: {'; '.join(faults)}."
