"""A training in a terminal: lines that stay, and below them how the whole job stands.

Where the output is no terminal, only the lines that stay are printed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kenspeckle.pages.text import duration, share
from kenspeckle.views.outlook import Outlook
from kenspeckle.views.panel import Panel
from kenspeckle.views.preparation import PreparationView

if TYPE_CHECKING:
    from pathlib import Path

    from kenspeckle.events import Ended, EpochRecord, Event, FoldDone, Stage, Started

_PER_SECOND = 4  # pictures of the panel
_TABLE = 80  # columns from which an epoch fits into one line
_HEADER = (
    f"{'epoch':>5}  {'loss':>7}  {'train':>8}  {'validation (95 % interval)':<40}  {'time':>10}"
)


class TerminalView:
    """Prints events on `screen`. Call `close` in any case: it gives the cursor back."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._panel = Panel(Outlook(), screen)
        is_live = screen.is_terminal and not screen.is_dumb_terminal and not screen.quiet
        self._live: Live | None = None
        if is_live:
            self._live = Live(
                get_renderable=self._panel.lines,
                console=screen,
                transient=True,
                refresh_per_second=_PER_SECOND,
            )
            self._live.start()
        self._preparation = PreparationView(screen)
        self._ended: Ended | None = None
        self.stages: list[Stage] = []  # of transfer
        self.folds: list[FoldDone] = []  # of networks from random weights
        self.run: Path | None = None  # once it has begun

    @property
    def ended(self) -> Ended:
        """The last event, once it was shown."""
        assert self._ended is not None
        return self._ended

    def close(self) -> None:
        """Take the panel away."""
        if self._live:
            self._live.stop()
        self._preparation.close()

    def say(self, line: str) -> None:
        """Show `line` at once, also from a signal handler; on stderr where no panel is drawn."""
        if self._live and self._live.is_started:
            self._panel.notice = line
        else:
            # not print: a handler may interrupt another print in the middle
            os.write(2, f"ken: {line}\n".encode())

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far work before the first step has come; `total` 0 where it is not known."""
        self._panel.outlook.working(what, done, total)
        if not self._live:
            self._preparation.working(what, done, total)

    def show(self, event: Event) -> None:
        """Print what `event` is about."""
        # here, because at the top of the file they would load torch before `--help` appears
        from kenspeckle.events import Ended, EpochRecord, FoldDone, Stage, Started

        self._panel.show(event)
        match event:
            case Started():
                self._start(event)
            case EpochRecord():
                self._epoch(event)
            case FoldDone():
                self._fold(event)
            case Stage():
                self._stage(event)
            case Ended():
                self._end(event)

    def _line(self, line: str | Text, style: str = "") -> None:
        self._screen.print(Text(line, style=style) if isinstance(line, str) else line)

    def _start(self, event: Started) -> None:
        self.run = event.run.path
        config, compute = event.config, event.compute
        about = f": recipe {config.recipe} on {config.source}, seed {config.seed}"
        self._line(Text.assemble((str(event.run.path), "bold"), about))
        folds = config.splits.folds
        pictures = f"{event.train_n:,} pictures to train on, {event.validation_n:,} to validate"
        if folds > 0:
            pictures = f"{event.train_n:,} pictures to train on and, by {folds} folds, to validate"
        self._line(f"{pictures}; {config.model.name} with {event.parameters:,} parameters")
        self._line(f"{compute.words} ({compute.reason})")
        for note in event.notes:
            if self._screen.quiet:  # what was decided or found damaged is said in any case
                print(f"ken: note: {note}", file=sys.stderr)
            self._line(f"note: {note}", "yellow")
        if self._screen.width >= _TABLE:
            self._line(_HEADER, "dim")

    def _fold(self, event: FoldDone) -> None:
        self.folds.append(event)
        best = event.best
        interval = best.validation_interval
        measured = share(best.validation_accuracy, interval.low, interval.high, best.validation_n)
        self._line(
            f"fold {event.number} of {event.folds}: {measured} after epoch {best.epoch}, its best; "
            f"{duration(event.seconds)}"
        )

    def _epoch(self, event: EpochRecord) -> None:
        if event.fold:
            return  # a line for each fold is enough
        interval = event.validation_interval
        measured = share(event.validation_accuracy, interval.low, interval.high, event.validation_n)
        time = duration(event.seconds)
        if self._screen.width >= _TABLE:
            self._line(
                f"{event.epoch or 'head':>5}  {event.loss:>7.4f}  {event.accuracy:>8.2%}  "
                f"{measured:<40}  {time:>10}"
            )
            return
        name = f"epoch {event.epoch}" if event.epoch else "head"
        self._line(f"{name}, loss {event.loss:.4f}, {time}")
        self._line(f"  {measured}")

    def _stage(self, event: Stage) -> None:
        self.stages.append(event)
        low, high = event.gain.interval.low, event.gain.interval.high
        self._line(
            f"{event.name} ({duration(event.seconds)}): {event.about}; "
            f"{event.gain.difference:+.1%} over {event.over} "
            f"({low * 100:+.1f} to {high * 100:+.1f} points, n={event.gain.n:,})"
        )

    def _end(self, event: Ended) -> None:
        self._ended = event
        self.close()
        run = event.run.path
        if event.state == "interrupted":
            self._line(f"interrupted at step {event.step}; go on with: ken train --resume {run}")
            return
        best = event.best
        which = f"epoch {best.epoch}" if best.epoch else "the head"
        how = "by folds" if event.config.splits.folds > 0 else "on validation"
        self._line(
            Text.assemble(
                f"model of {which}: ",
                (f"{best.validation_accuracy:.2%}", "bold"),
                f" {how}; {duration(event.train_seconds)} of training, "
                f"{duration(event.total_seconds)} in all",
            )
        )
        self._line(f"test it once: ken evaluate {run}")
