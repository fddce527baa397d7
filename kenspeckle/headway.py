"""How far many trainings have come together, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kenspeckle.run_folder import Run
from kenspeckle.worker_pool import Job, JobAdvanced, JobDone, JobEvent, JobFailed


@dataclass(frozen=True, kw_only=True)
class ManyAdvanced:
    """How far all runs together have come."""

    done: int  # runs that are finished
    runs: int
    share: float  # of all updates, 0..1
    seconds: float  # since the beginning of this session
    seconds_left: float | None  # by the pace of this session; None while there is none


class Headway:
    """How far the runs have come, those of earlier sessions included."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.kept = 0  # runs that were finished before
        self._done = 0  # runs that were finished in this session
        self._began = time.monotonic()
        self._shares: dict[Path, float] = {}  # of the updates of each run that has begun
        self._before: dict[Path, float] = {}  # what of them earlier sessions had done

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def unfinished(self, added: Sequence[Job]) -> list[Job]:
        """Take note of `added` jobs; those that are still to be done."""
        found = [job for job in added if not Run(job.path).is_finished]
        self.jobs += added
        self.kept += len(added) - len(found)
        return found

    def hear(self, event: JobEvent) -> None:
        """Take note of `event`."""
        path = event.job.path
        if isinstance(event, JobAdvanced):
            self._shares[path] = event.step / event.steps
            self._before.setdefault(path, event.began / event.steps)
        elif isinstance(event, JobDone | JobFailed):
            self._shares[path] = 1.0
            self._done += isinstance(event, JobDone)

    def advanced(self) -> ManyAdvanced:
        """What people want to know of it."""
        whole = self.kept + sum(self._shares.values())
        here = whole - self.kept - sum(self._before.values())
        return ManyAdvanced(
            done=self.kept + self._done,
            runs=len(self.jobs),
            share=whole / len(self.jobs),
            seconds=self.seconds,
            seconds_left=(len(self.jobs) - whole) * self.seconds / here if here > 0 else None,
        )
