"""Charts of a run: the course of its training, its calibration, the numbers that it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from kenspeckle.data.batches import steps_per_epoch
from kenspeckle.evaluation.calibration import Calibration
from kenspeckle.events import EpochRecord
from kenspeckle.figures.curves import curves, rates
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.drawing import Drawing
from kenspeckle.figures.reliability import reliability
from kenspeckle.figures.told_numbers import told_numbers
from kenspeckle.pages.text import percent
from kenspeckle.predictions import Predictions
from kenspeckle.schedule import factor
from kenspeckle.settings import RunConfig

_POINTS = 300  # of the curve of the rate


def course(
    epochs: Sequence[EpochRecord], settings: RunConfig, counts: Mapping[str, Mapping[str, int]]
) -> tuple[Drawable, ...]:
    """Loss and accuracy of all epochs, and the rate; a training without steps has none."""
    trained = [epoch for epoch in epochs if epoch.epoch > 0]
    if not trained:
        return ()
    first, last = trained[0], trained[-1]
    found: list[Drawable] = []
    if len(epochs) > 1:
        words = (
            f"Validation accuracy goes from {percent(epochs[0].validation_accuracy, 2)} after "
            f"{'the head' if not epochs[0].epoch else 'the first epoch'} to "
            f"{percent(last.validation_accuracy, 2)} after the last, the loss from "
            f"{epochs[0].validation_loss:.4g} to {last.validation_loss:.4g}. The training curves "
            "are means over each epoch, while the network was changing."
        )
        found.append(
            Drawing(heading="Loss and accuracy", words=words, draw=partial(curves, epochs))
        )
    batches = steps_per_epoch(sum(counts["train"].values()), settings.train.batch_size)
    total = max(last.step, settings.train.total_steps(batches))
    steps = np.unique(np.linspace(0, last.step - 1, _POINTS).astype(int))
    values = np.array([factor(settings.schedule, step / total) for step in steps])
    values *= settings.optimizer.rate
    top = int(values.argmax())
    words = (
        f"The rate of each of {last.step:,} steps: {settings.schedule.name}, at most "
        f"{values[top]:.3g} at step {steps[top]:,}. An epoch has {first.step:,} steps."
    )
    draw = partial(rates, steps, values)
    found.append(Drawing(heading="Learning rate", words=words, draw=draw))
    return tuple(found)


def reliability_of(found: Calibration) -> Drawable:
    """The reliability curve."""
    words = (
        f"Each point is the answers of one of {len(found.count)} ranges of probability, with a "
        f"95\N{NO-BREAK SPACE}% interval; {found.n:,} pictures in all. On the dotted line, of 100 "
        "answers with 80\N{NO-BREAK SPACE}% 80 are right; points below are too sure, those above "
        "too modest."
    )
    return Drawing(heading="Reliability", words=words, draw=partial(reliability, found))


def numbers_of(found: Predictions) -> tuple[Drawable, ...]:
    """What a model that tells a number tells; empty for one that tells classes."""
    if found.values is None:
        return ()
    numbers = [float(name) for name in found.class_names]
    words = (
        "The median and the middle 90 % of what is told, for the pictures of each number. "
        "On the dotted line it would always be right."
    )
    draw = partial(told_numbers, found.values, found.labels, numbers)
    return (Drawing(heading="Numbers told", words=words, draw=draw),)
