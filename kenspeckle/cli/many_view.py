"""What a terminal shows of many trainings at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from kenspeckle.pages.text import duration
from kenspeckle.views.preparation import PreparationView

if TYPE_CHECKING:
    from kenspeckle.headway import ManyAdvanced
    from kenspeckle.many import ManyEvent, ManyStarted

_EVERY = 30.0  # seconds between two lines where no bar can be drawn


class ManyView:
    """Prints events; progress is a bar on terminals and a line now and then elsewhere."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._preparation = PreparationView(screen)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[left]}"),
            console=screen,
            transient=True,
            disable=screen.quiet or not screen.is_terminal,
        )
        self._said = 0.0

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far work before the first step has come."""
        self._preparation.working(what, done, total)

    def close(self) -> None:
        """Take the progress lines away."""
        self._preparation.close()
        self._bar.stop()

    def show(self, event: ManyEvent) -> None:
        """Print what `event` is about."""
        from kenspeckle.headway import ManyAdvanced
        from kenspeckle.many import ManyStarted
        from kenspeckle.worker_pool import JobDied, JobFailed

        match event:
            case ManyStarted():
                self._start(event)
            case ManyAdvanced():
                self._advance(event)
            case JobDied():
                self._warn(f"{event.job.name}: its process {event.cause}; it goes on in another")
            case JobFailed():
                self._warn(f"{event.job.name}: {event.reason}")

    def _start(self, event: ManyStarted) -> None:
        self._preparation.close()
        for note in dict.fromkeys(event.notes):
            self._screen.print(Text(f"note: {note}", style="yellow"))
        kept = f", {event.kept} of them kept from before" if event.kept else ""
        threads = "1 thread" if event.threads == 1 else f"{event.threads} threads"
        at_once = f"{event.workers} at a time with {threads} each"
        if event.stack > 1:
            at_once = f"{event.stack} in step in each of {event.workers} processes with {threads}"
        self._screen.print(f"{event.runs} runs{kept}; {at_once} on {event.device}")

    def _advance(self, event: ManyAdvanced) -> None:
        left = "" if event.seconds_left is None else f"about {duration(event.seconds_left)} left"
        text = f"{event.done} of {event.runs} runs"
        if not self._bar.tasks:
            self._bar.add_task(text, total=1.0, left=left)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=event.share, description=text, left=left)
        if not self._screen.is_terminal and left and event.seconds - self._said >= _EVERY:
            self._said = event.seconds
            self._screen.print(f"{text}, {left}")

    def _warn(self, text: str) -> None:
        if self._screen.quiet:  # what died is said in any case
            print(f"ken: note: {text}", file=sys.stderr)
        self._screen.print(Text(text, style="yellow"))
