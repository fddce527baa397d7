"""What a terminal shows of work before a result: bars with ETA, or a line where there are none."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from kenspeckle.pages.text import duration

_FIRST = 1.5  # seconds after which the rest can be estimated
_LONG = 3.0  # seconds that are worth a line where no bar can be drawn


class PreparationView:
    """Hears `working(what, done, total)`; call `close` before anything else is printed."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            disable=screen.quiet or not screen.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._said: set[str] = set()

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far `what` has come; `total` is 0 where it is not known."""
        if what not in self._tasks:
            self._bars.start()
            self._tasks[what] = self._bars.add_task(what, total=total or None)
            self._began[what] = time.monotonic()
        self._bars.update(self._tasks[what], completed=done, total=total or None)
        taken = time.monotonic() - self._began[what]
        if total and what not in self._said and taken >= _FIRST:
            self._said.add(what)
            left = taken / max(1, done) * (total - done)
            if left >= _LONG and not self._screen.is_terminal:
                self._screen.print(f"{what}: {done:,} of {total:,}, about {duration(left)} left")

    def close(self) -> None:
        """Take the bars away."""
        self._bars.stop()
