"""What came out of a training: both accuracies, the course of the losses, silent units."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.findings import Finding

_LEARNED = 0.97  # training accuracy that counts as known by heart
_GAP = 0.08  # of the accuracies
_RISE = 1.08  # last validation loss over the least
_DEAD = 0.5  # of the units of a layer
_SURE_WRONG = 0.5  # share of mistakes that are made with near certainty
_BELOW = 0.03  # of accuracy below what look-alikes reach
_WORSE = 1.3  # loss of a run over that of a short trial, which should be below 1
_GOES_ON = 0.8  # loss after some more steps over that before
_POOR = 0.4  # training error that is a fault wherever it is not explained


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of the model that was kept, in evaluation mode; accuracies are shares."""

    balance: BiasVariance
    train_loss: float  # nats
    validation_loss: float
    validation_losses: tuple[float, ...]  # of each epoch
    steps: int
    rate: float
    dead: float  # share of ReLU units of the worst layer that answer to no picture
    dead_layer: str
    sure_wrong: float  # share of validation mistakes with a probability above 0.999
    reference: float  # accuracy of look-alikes on the training pictures
    chance: float  # loss of guessing
    # loss of short trials from the start, by factor of the rate; empty where none was needed
    trials: tuple[tuple[float, float], ...] = ()
    continued: tuple[float, float] = (math.nan, math.nan)  # loss before and after some more steps
    trial_steps: int = 0

    @property
    def is_poor(self) -> bool:
        """Whether it knows its training pictures less well than look-alikes would tell them."""
        short = self.balance.train_accuracy
        return short < self.reference - _BELOW or 1 - short > _POOR

    @property
    def rise(self) -> float:
        """Last validation loss over the least of all epochs."""
        losses = self.validation_losses
        return losses[-1] / max(1e-9, min(losses)) if losses else 1.0

    @property
    def best_trial(self) -> tuple[float, float]:
        """Factor and loss of the short trial that went best."""
        return min(self.trials, key=lambda trial: trial[1], default=(1.0, math.inf))

    @property
    def plain_trial(self) -> float:
        """Loss of the short trial at the configured rate."""
        return dict(self.trials).get(1.0, math.inf)


def outcome_findings(found: Outcome) -> list[Finding]:
    """Each fault that shows, the cause before what follows from it."""
    findings: list[Finding] = []
    if found.is_poor:
        findings += _of_rate(found) or _of_units(found) or _of_length(found) or _of_size(found)
    return findings + _of_variance(found) or _of_softmax(found)


def _of_units(found: Outcome) -> list[Finding]:
    if found.dead <= _DEAD:
        return []
    return [
        Finding(
            name="dead ReLUs",
            evidence=f"{found.dead:.0%} of the units of {found.dead_layer} answer to no "
            "training picture",
            why="a ReLU that is never above zero has no gradient and stays silent",
            advice=f"--set optimizer.rate={found.rate / 10:.2g}, or "
            "--set model.activation=leaky-relu",
        )
    ]


def _of_softmax(found: Outcome) -> list[Finding]:
    if found.sure_wrong <= _SURE_WRONG or found.validation_loss <= found.chance:
        return []
    return [
        Finding(
            name="saturated softmax",
            evidence=f"{found.sure_wrong:.0%} of its validation mistakes are made with over "
            f"99.9 %; validation loss {found.validation_loss:.3g}, guessing has "
            f"{found.chance:.3g}",
            why="outputs are so large that softmax is sure of everything, mistakes included",
            advice="--set train.label_smoothing=0.1, or a lower optimizer.rate",
        )
    ]


def _of_rate(found: Outcome) -> list[Finding]:
    factor, loss = found.best_trial
    if not (_is_better(loss, found.train_loss, found.chance)) or factor == 1.0:
        return []
    if not _is_better(loss, found.plain_trial, found.chance):
        return []
    side = "high" if factor < 1 else "low"
    return [
        Finding(
            name=f"rate too {side}",
            evidence=f"{found.steps:,} steps at a rate of {found.rate:.3g} end at a loss of "
            f"{found.train_loss:.3g}; {found.trial_steps} steps at {found.rate * factor:.2g} "
            f"reach {loss:.3g}",
            why="the steps overshoot" if side == "high" else "the steps are too small",
            advice=f"--set optimizer.rate={found.rate * factor:.2g}",
        )
    ]


def _is_better(loss: float, other: float, chance: float) -> bool:
    """Whether `loss` is below `other` by a good part of the way from guessing to nothing."""
    return loss < min(other, chance * 1.2) - 0.15 * chance


def _of_length(found: Outcome) -> list[Finding]:
    before, after = found.continued
    falls = math.isfinite(after) and after < _GOES_ON * before
    beaten = found.steps < found.trial_steps and _is_better(
        found.plain_trial, found.train_loss, found.chance
    )
    if not (falls or beaten):
        return []
    return [
        Finding(
            name="too short",
            evidence=f"after {found.steps:,} steps the loss is {found.train_loss:.3g}; "
            f"{found.trial_steps} more take it from {before:.3g} to {after:.3g}",
            why="the loss was still falling when the training ended",
            advice="--set train.epochs=0 "
            f"--set train.steps={3 * max(found.steps, found.trial_steps)}",
        )
    ]


def _of_size(found: Outcome) -> list[Finding]:
    return [
        Finding(
            name="underfitting",
            evidence=f"{found.balance.train_accuracy:.1%} of the training pictures are told "
            f"rightly; comparing pixels with other pictures tells {found.reference:.1%}",
            why="it cannot even learn its own pictures, and more steps do not help",
            advice="take a larger network, such as --recipe swift, or less train.label_smoothing, "
            "dropout and weight decay",
        )
    ]


def _of_variance(found: Outcome) -> list[Finding]:
    balance = found.balance
    train, other = balance.intervals
    has_risen = found.rise > _RISE and len(found.validation_losses) > 2
    is_known = balance.train_accuracy > _LEARNED
    if not (is_known and balance.variance > _GAP and train.low > other.high and has_risen):
        return []
    return [
        Finding(
            name="overfitting",
            evidence=f"{balance.train_accuracy:.1%} of training and {balance.other_accuracy:.1%} "
            f"of validation pictures are told; the validation loss rose to {found.rise:.2g} "
            "times its least",
            why="it has learned its pictures by heart; longer makes it worse",
            advice="--set augment.rotation=10 --set augment.shift=2, more pictures, or "
            "--set train.patience=3",
        )
    ]
