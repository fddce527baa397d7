"""How many networks to train in step: measured on a few steps, because it cannot be known."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from kenspeckle.course import Course, open_course
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import draw
from kenspeckle.device import Compute, borrowed
from kenspeckle.errors import NonFiniteError
from kenspeckle.models.heads import head_of
from kenspeckle.settings import RunConfig
from kenspeckle.stacking.network import can_be_stacked, require_stackable, shares_work
from kenspeckle.stacking.training import fit_together
from kenspeckle.training import Epoch, fit

_STEPS = 6  # of a measurement
_PASSES = 4  # over them; the first warms up, and the quickest of the others counts
_SIZES = (2, 4, 8, 16, 32, 64)
_LONG = (
    0.005  # seconds of a step on a processor, beyond which the time between operations is little
)
_GAIN = 0.9  # of the time by itself that a stack may take to be worth its other bits


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The quickest way that was found."""

    stack: int  # networks in step; 1: each by itself
    share: float  # seconds of each, as a share of those by itself


def quickest(settings: RunConfig, compute: Compute, data: Dataset, *, most: int) -> Measured:
    """Train some steps with each number of networks up to `most`; nothing is written.

    In `settings` nothing is "auto". A network with layers that cannot be stacked, and one whose
    steps take long on a processor, is trained by itself without further measurements. Raises
    `ConfigError` where `settings` say `stacked` and that cannot be.
    """
    best = Measured(stack=1, share=1.0)
    if not settings.stacked and (most < 2 or settings.transfer.backbone or shares_work(compute)):
        return best
    learned = draw(data, settings.splits).train[: _STEPS * settings.train.batch_size]
    bench = _Bench(settings, compute, data.take(learned))
    if settings.stacked:
        require_stackable(bench.network, compute)
    if not can_be_stacked(bench.network):
        return best
    with borrowed(compute), suppress(NonFiniteError):  # of which the training itself will tell
        single = bench.seconds(1)
        if compute.device == "cpu" and single > _LONG:
            return best
        for stack in itertools.takewhile(lambda n: n <= most, _SIZES):
            share = bench.seconds(stack) / single
            if share > best.share:
                break
            best = Measured(stack=stack, share=share)
    return best if best.share <= _GAIN else Measured(stack=1, share=1.0)


class _Bench:
    """A few batches of pictures to measure on."""

    def __init__(self, settings: RunConfig, compute: Compute, data: Dataset) -> None:
        self._settings, self._compute, self._data = settings, compute, data
        self._train = replace(settings.train, epochs=float(_PASSES), steps=0)
        self._head = head_of(settings.train.task, data.class_names)
        self.network = self._course(0).training.network

    def seconds(self, networks: int) -> float:
        """What each of so many takes for `_STEPS` steps."""
        courses = [self._course(seed) for seed in range(networks)]
        passes = self._alone(courses[0]) if networks == 1 else self._together(courses)
        _, *seconds = [epoch.seconds for epoch in passes if epoch.complete]
        return min(seconds) / _STEPS

    def _course(self, seed: int) -> Course:
        settings = replace(self._settings, seed=seed)
        everything, nothing = np.arange(len(self._data)), np.arange(0)
        return open_course(settings, self._compute, self._data, everything, nothing)

    def _alone(self, course: Course) -> Iterator[Epoch]:
        yield from fit(
            course.training,
            course.batches,
            self._train,
            schedule=self._settings.schedule,
            head=self._head,
            compute=self._compute,
        )

    def _together(self, courses: list[Course]) -> Iterator[Epoch]:
        steps = fit_together(
            [course.training for course in courses],
            [course.batches for course in courses],
            self._train,
            schedule=self._settings.schedule,
            head=self._head,
            compute=self._compute,
        )
        for told in steps:
            for report in told.values():
                if not isinstance(report, Epoch):
                    raise report
                if report is told[0]:
                    yield report
