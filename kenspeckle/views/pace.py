"""How long the steps and validations that are still to come will take, by those that were.

What was not measured yet is foreseen: a step goes forward once and back at twice the cost, so
going forward alone, as a validation and a step of the last layer do, is a third of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kenspeckle.events import EpochRecord, Started
    from kenspeckle.training import Epoch

_FORWARD = 1 / 3
_LATER = 0.5  # what an epoch weighs in the speed, as a share of the one after it
_SOON = 0.5  # seconds of an epoch after which its pauses are seen in its speed


@dataclass(frozen=True)
class Speed:
    """Seconds that units of work took."""

    seconds: float = 0.0
    units: float = 0.0

    @property
    def each(self) -> float | None:
        """Seconds for each unit; None where none was measured."""
        return self.seconds / self.units if self.units else None

    def then(self, later: Speed) -> Speed:
        """Both together, the later one weighing more."""
        return Speed(_LATER * self.seconds + later.seconds, _LATER * self.units + later.units)


class Pace:
    """Hears of every `Epoch` and `EpochRecord` of a training, with the time in seconds."""

    def __init__(self, started: Started) -> None:
        config = started.config.train
        self._batch_size = max(1, config.batch_size)
        self._epoch_steps = max(1, -(-started.train_n // self._batch_size))
        self._total = config.total_steps(self._epoch_steps)
        self._frozen_epochs = config.frozen_epochs
        self._validation_batches = started.validation_n / self._batch_size
        self._step = started.step
        self._validated = started.step // self._epoch_steps  # epochs
        self._number = -1  # of the epoch under way
        self._mark = (0.0, 0)  # time and step at which this epoch was first heard of
        self._heard = 0.0
        self._past = {False: Speed(), True: Speed()}  # of steps, by whether they were frozen
        self._present = {False: Speed(), True: Speed()}
        self._validation = Speed()

    @property
    def epochs(self) -> int:
        """How many there are in all."""
        return -(-self._total // self._epoch_steps)

    def advance(self, epoch: Epoch, now: float) -> None:
        """Take note of how far an epoch has come."""
        if epoch.number != self._number:
            self._number, self._mark = epoch.number, (now, epoch.step)
        began, first = self._mark
        each = epoch.seconds / len(epoch.losses)
        if now - began >= _SOON and epoch.step > first:
            each = (now - began) / (epoch.step - first)  # with checkpoints and pauses
        frozen, count = epoch.number < self._frozen_epochs, len(epoch.losses)
        self._present[frozen] = Speed(each * count, count)
        if epoch.complete:
            self._past[frozen] = self._past[frozen].then(self._present[frozen])
            self._present[frozen] = Speed()
        self._step, self._total, self._heard = epoch.step, epoch.total_steps, now

    def validated(self, record: EpochRecord, now: float) -> None:
        """Take note of the end of an epoch; 0 is the head alone."""
        if record.epoch:
            self._validation = self._validation.then(Speed(now - self._heard, 1))
            self._validated += 1
        self._heard = now

    def left(self, now: float, *, forward: float | None) -> float | None:
        """Seconds until the last validation is over; None where nothing was measured.

        `forward` is what one picture costs on its way forward, where that is known.
        """
        full, frozen = self._speed(is_frozen=False), self._speed(is_frozen=True)
        if full is None and frozen is not None:
            full = frozen / _FORWARD
        elif full is None and forward is not None:
            full = forward / _FORWARD * self._batch_size
        if full is None:
            return None
        last_frozen = min(self._total, self._frozen_epochs * self._epoch_steps)
        frozen_steps = max(0, last_frozen - self._step)
        steps = self._total - self._step - frozen_steps
        validation = self._validation.each
        if validation is None:
            validation = self._validation_batches * full * _FORWARD
        rest = steps * full + frozen_steps * (full * _FORWARD if frozen is None else frozen)
        rest += max(0, self.epochs - self._validated) * validation
        return max(0.0, rest - (now - self._heard if self._heard else 0.0))

    def _speed(self, *, is_frozen: bool) -> float | None:
        return self._past[is_frozen].then(self._present[is_frozen]).each
