"""How much of a search's time is spent, how much its winner will need, and what is left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from kenspeckle.searching.records import Trial, Working
from kenspeckle.searching.trials import Progress

_MARGIN = 1.15  # of the time of a training, that the same takes another time
_TEST = 2.0  # seconds to measure the test split and write the files, at the least


class Outlook:
    """Keeps the time of one search; `clock` counts seconds from any moment."""

    def __init__(
        self,
        *,
        began: float,
        spent: float,
        minutes: float,
        planned: int,
        done: tuple[Trial, ...] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._began, self._spent = began, spent  # spent: seconds of earlier sessions
        self._budget, self._planned = 60 * minutes, planned
        self._trials = list(done)
        self._number, self._since = len(done) + 1, began
        self._progress: Progress | None = None  # of the trial under way
        self._folds = 0  # the largest that was seen

    @property
    def seconds(self) -> float:
        """Of all sessions."""
        return self._spent + self._clock() - self._began

    @property
    def trial_seconds(self) -> float:
        """Of the trial under way."""
        return self._clock() - self._since

    @property
    def is_over(self) -> bool:
        """Whether what is left is needed for the winner."""
        return self._budget > 0 and self.seconds + self._reserve() >= self._budget

    @property
    def is_too_late(self) -> bool:
        """Whether another trial would not come to its end."""
        usual = self._usual() or 0.0
        return self._budget > 0 and self.seconds + usual + self._reserve() >= self._budget

    def begin(self, number: int) -> None:
        """Trial `number` begins."""
        self._number, self._since, self._progress = number, self._clock(), None

    def end(self, trial: Trial) -> None:
        """The trial under way has ended."""
        self._trials.append(trial)
        self._progress = None

    def working(self, progress: Progress) -> Working:
        """How the search stands in the middle of a trial."""
        self._progress = progress
        self._folds = max(self._folds, progress.fold)
        of = f" of {self._planned}" if self._planned else ""
        fold = f", fold {progress.fold}" if progress.fold else ""
        each = self._usual() or self._expected()
        left = None
        if each is not None:
            rest = max(0.0, each - self.trial_seconds) + self._reserve()
            left = rest + each * (self._planned - self._number) if self._planned else None
            if self._budget:
                until = max(0.0, self._budget - self.seconds)
                left = until if left is None else min(left, until)
        return self._told(f"trial {self._number}{of}{fold}, epoch {progress.epoch}", left)

    def training_winner(self, share: float) -> Working:
        """How the search stands while the winner is trained, of which `share` is done."""
        return self._told("training the winner", self._reserve() * (1 - share))

    def _told(self, what: str, left: float | None) -> Working:
        done = self.seconds
        return Working(what=what, share=done / (done + left) if left is not None else 0, left=left)

    def _reserve(self) -> float:
        """Seconds that the winner will take: a training, with folds one network more, and test."""
        whole = [each.seconds for each in self._trials if each.outcome == "done"]
        longest = max(whole, default=self._expected() or 0.0)
        return _MARGIN * longest * (1 + 1 / self._folds if self._folds else 1) + _TEST

    def _usual(self) -> float | None:
        if not self._trials:
            return None
        return statistics.fmean(each.seconds for each in self._trials[-20:])

    def _expected(self) -> float | None:
        """Of the trial under way, by how far it has come; None while that says nothing."""
        if self._progress is None or self._progress.share < 0.02:
            return None
        return self.trial_seconds / self._progress.share
