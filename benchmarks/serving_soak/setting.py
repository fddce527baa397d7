"""What every test of endurance is given, and what it says in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serving_load.arrivals import Request
from serving_load.expected import Expected, judge_answer
from serving_load.messages import ABANDONED, LATE, LOST, REFUSED, RESET, Answer
from serving_load.servers import Server

FAILURES = {LOST: "lost", RESET: "reset", REFUSED: "refused", LATE: "late"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server that can be started, and what is known of it."""

    launch: Callable[[], Server]
    expected: Expected  # of pictures no two of which have like answers
    everything: Expected  # of all pictures
    model: Path  # the file that the server reads
    models: tuple[tuple[Path, Expected], ...]  # what may be laid in its place, with its answers


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a test passed, and by which numbers."""

    numbers: dict[str, float | int | str]
    reasons: tuple[str, ...]  # why it did not

    @property
    def passed(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons


@dataclass(kw_only=True)
class Tally:
    """Counts of answers; what is kept does not grow with them, but for the times."""

    models: tuple[Expected, ...]
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)  # seconds from the due time of each 200

    def receive(self, request: Request, sent: float, answer: Answer) -> None:
        """Of `Arrivals`."""
        self.count(request.picture, answer, answer.arrived - request.due)

    def count(self, picture: int, answer: Answer, waited: float) -> str:
        """Judge one answer; what was wrong with it."""
        self.statuses[answer.status] += 1
        if answer.status in FAILURES:
            self.failures[FAILURES[answer.status]] += 1
        if answer.status != 200:
            return ""
        self.waits.append(waited)
        fault = judge_answer(self.models, picture, answer.body)
        if fault:
            self.wrong += 1
            self.examples = [*self.examples[-2:], fault]
        return fault

    @property
    def unanswered(self) -> int:
        """Requests whose client waited in vain."""
        return sum(self.failures.values())

    def reasons(self) -> list[str]:
        """Against a server that should have answered all, rightly."""
        found = [f"{count:,} {name}" for name, count in self.failures.items()]
        if self.wrong:
            found.append(f"{self.wrong:,} wrong answers, such as: {self.examples[-1]}")
        return found

    def said(self) -> str:
        """How often each status came, for people."""
        names = {**FAILURES, ABANDONED: "client went"}
        return ", ".join(
            f"{names.get(status, status)}: {count:,}"
            for status, count in sorted(self.statuses.items(), reverse=True)
        )
