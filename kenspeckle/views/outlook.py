"""How far a whole job has come and how long the rest takes, from what it says of itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kenspeckle.views.pace import Pace

if TYPE_CHECKING:
    from kenspeckle.events import Event, Started
    from kenspeckle.training import Epoch

Bound = Literal["about", "at least", "at most"]
_CALM = 2.0  # seconds in which the estimate follows a change of speed by two thirds
_SOON = 0.5  # seconds of work before its speed says anything


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is under way, and how the whole job stands."""

    what: str  # such as "epoch 2 of 3"
    share: float  # of the whole job that is done, in 0..1; 0 while its end is not known
    elapsed: float  # seconds
    left: float | None  # seconds; None while nothing was measured
    bound: Bound  # at least: something is to come whose length is not known yet

    @property
    def text(self) -> str:
        """The rest as people say it, such as "about 25 s left"."""
        if self.left is None:
            return "measuring how fast it goes"
        return f"{self.bound} {rounded(self.left)} left"


@dataclass(kw_only=True)
class _Work:
    """Work before the first step."""

    began: float
    first: int  # units that were done when it was first heard of
    done: int
    total: int  # 0 = not known
    heard: float

    @property
    def each(self) -> float | None:
        """Seconds for a unit; None while it is too early to say."""
        taken, units = self.heard - self.began, self.done - self.first
        return taken / units if taken >= _SOON and units > 0 else None

    def left(self, now: float) -> float | None:
        """Seconds, or None where that cannot be told."""
        if self.done >= self.total > 0:
            return 0.0
        if not self.total or self.each is None:
            return None
        return max(0.0, (self.total - self.done) * self.each - (now - self.heard))


class Outlook:
    """Hears `working` and `show`, as a view does, and says how the job stands.

    `clock` counts seconds from any moment.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._works: dict[str, _Work] = {}
        self._present = ""  # the work under way
        self._started: Started | None = None
        self._pace: Pace | None = None  # where there are steps to come
        self._epoch: Epoch | None = None
        self._end = math.nan  # as it was told last
        self._asked, self._bound = 0.0, ""  # when, and as what
        self._share = 0.0
        self._folds = self._fold = 0  # how many there are to be, and the present one; 0 = no folds

    def working(self, what: str, done: int, total: int) -> None:
        """Work before the first step has come so far; `total` is 0 where it is not known."""
        now = self._clock()
        work = self._works.get(what)
        if work is None or done < work.done:
            self._works[what] = _Work(began=now, first=done, done=done, total=total, heard=now)
        else:
            work.done, work.total, work.heard = done, total, now
        self._present = what

    def show(self, event: Event) -> None:
        """Take note of `event`."""
        # here, because at the top of the file they would load torch before `--help` appears
        from kenspeckle.events import EpochRecord, FoldDone, Started
        from kenspeckle.training import Epoch

        match event:
            case Started():
                transfer = event.config.transfer
                self._started, self._present = event, ""
                if not transfer.backbone:
                    self._folds, self._fold = event.config.splits.folds, event.folds_done + 1
                if not transfer.backbone or transfer.fine_tune != "off":
                    self._pace = Pace(event)
            case Epoch():
                self._epoch, self._present = event, ""
                if self._pace:
                    self._pace.advance(event, self._clock())
            case FoldDone():
                self._fold = event.number + 1
            case EpochRecord():
                self._present = ""
                if self._pace:
                    self._pace.validated(event, self._clock())

    def estimate(self) -> Estimate:
        """How the job stands now."""
        now = self._clock()
        left, bound = self._left(now), self._bounded()
        if left is not None:
            # gently, so that one slow step does not make the number jump
            weight = -math.expm1((self._asked - now) / _CALM) if bound == self._bound else 1.0
            before = now + left if math.isnan(self._end) else self._end
            self._end = before + (now + left - before) * weight
            self._asked, self._bound = now, bound
            left = max(0.0, self._end - now)
            if bound != "at least":
                whole = max(now - self._began + left, 1e-9)
                self._share = max(self._share, (now - self._began) / whole)
        return Estimate(
            what=self._what(),
            share=self._share,
            elapsed=now - self._began,
            left=left,
            bound=bound,
        )

    def _left(self, now: float) -> float | None:
        """Seconds until the end, as far as that can be told."""
        work = self._works[self._present].left(now) if self._present else 0.0
        if self._pace is None:
            return work if self._present else None
        training = self._pace.left(now, forward=self._forward())
        if training is None or work is None:
            return work or None
        return training + work

    def _bounded(self) -> Bound:
        if self._started is None:
            return "at least"
        if self._pace is None:
            return "about"
        if self._pace.left(0.0, forward=self._forward()) is None:
            return "at least"
        return "at most" if self._started.config.train.patience else "about"

    def _forward(self) -> float | None:
        """Seconds of a picture on its way forward, if features were made of some."""
        found = [work.each for what, work in self._works.items() if what.startswith("features")]
        return found[-1] if found else None

    def _what(self) -> str:
        if self._present:
            work = self._works[self._present]
            if not work.total:
                return self._present
            return f"{self._present} {min(work.done, work.total):,}/{work.total:,}"
        if self._started is None:
            return "reading the data"
        if self._epoch is None or self._pace is None:
            return "first steps" if self._pace else "fitting the head"
        number = self._epoch.number + 1
        if self._folds > 0:
            fold = f"fold {self._fold} of {self._folds}" if self._fold <= self._folds else "all"
            return f"{fold}, epoch {number}"
        return f"epoch {number} of {max(number, self._pace.epochs)}"


def rounded(seconds: float) -> str:
    """A duration no finer than it can be told: "4 s", "25 s", "3 min 20 s", "2 h 10 min"."""
    if seconds < 10:
        return f"{math.ceil(seconds)} s"
    if seconds < 57.5:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 600:
        minutes, rest = divmod(10 * round(seconds / 10), 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
