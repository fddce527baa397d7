"""What a terminal shows of a training: a line for each epoch, and progress with ETA below."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from kenspeckle.cli.output import console
from kenspeckle.cli.preparation_view import PreparationView
from kenspeckle.pages.text import duration, share

if TYPE_CHECKING:
    from pathlib import Path

    from kenspeckle.events import Ended, EpochRecord, Event, FoldDone, Stage, Started
    from kenspeckle.training import Epoch

_BARS = "▁▂▃▄▅▆▇█"
_HEADER = (
    f"{'epoch':>5}  {'loss':>7}  {'train':>8}  {'validation (95 % interval)':<40}  {'time':>10}"
)


class TrainingView:
    """Prints events; with `quiet` nothing. Progress is drawn on terminals only."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = console(quiet=quiet)
        self._progress = Progress(
            TextColumn("  {task.fields[stage]}{task.fields[losses]}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("steps, loss {task.fields[loss]:.3f},"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._preparation = PreparationView(self._console)
        self._losses: list[float] = []
        self._ended: Ended | None = None
        self.stages: list[Stage] = []  # of transfer
        self.folds: list[FoldDone] = []  # of networks from random weights
        self._count = self._done = 0  # folds that there are to be, and are done
        self.run: Path | None = None  # once it has begun

    @property
    def ended(self) -> Ended:
        """The last event, once it was shown."""
        assert self._ended is not None
        return self._ended

    def close(self) -> None:
        """Take the progress lines away."""
        self._preparation.close()
        self._progress.stop()

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far work before the first step has come; `total` 0 where it is not known."""
        self._preparation.working(what, done, total)

    def show(self, event: Event) -> None:
        """Print what `event` is about."""
        # here, because at the top of the file they would load torch before `--help` appears
        from kenspeckle.events import Ended, EpochRecord, FoldDone, Stage, Started
        from kenspeckle.training import Epoch

        match event:
            case Started():
                self._start(event)
            case Epoch():
                self._advance(event)
            case EpochRecord():
                self._epoch(event)
            case FoldDone():
                self._fold(event)
            case Stage():
                self._stage(event)
            case Ended():
                self._end(event)

    def _start(self, event: Started) -> None:
        self._preparation.close()
        self.run = event.run.path
        config, compute = event.config, event.compute
        line = self._console.print
        about = f"recipe {config.recipe} on {config.source}, seed {config.seed}"
        line(f"[bold]{event.run.path}[/bold]: {about}")
        folds = config.splits.folds
        pictures = f"{event.train_n:,} pictures to train on, {event.validation_n:,} to validate"
        if folds > 0:
            pictures = f"{event.train_n:,} pictures to train on and, by {folds} folds, to validate"
            self._count = 0 if config.transfer.backbone else folds
            self._done = event.folds_done
        line(f"{pictures}; {config.model.name} with {event.parameters:,} parameters")
        line(f"{compute.device}, {compute.threads} threads, {compute.precision} ({compute.reason})")
        for note in event.notes:
            if self._console.quiet:  # what was decided or found damaged is said in any case
                print(f"ken: note: {note}", file=sys.stderr)
            line(Text(f"note: {note}", style="yellow"))
        line(Text(_HEADER, style="dim"))

    def _advance(self, event: Epoch) -> None:
        if not self._progress.tasks:  # one display at a time: features may come before
            self._preparation.close()
            self._progress.add_task("", total=None, stage="", losses="", loss=float("nan"))
            self._progress.start()
        self._losses = [*self._losses, event.losses[-1]][-400:]
        self._progress.update(
            self._progress.task_ids[0],
            total=event.total_steps,
            completed=event.step,
            stage=self._stage_name(),
            losses=sparkline(self._losses, 16),
            loss=event.losses[-1],
        )

    def _stage_name(self) -> str:
        if not self._count:
            return ""
        is_fold = self._done < self._count
        return f"fold {self._done + 1} of {self._count} " if is_fold else "all pictures "

    def _fold(self, event: FoldDone) -> None:
        self.folds.append(event)
        self._done = event.number
        best = event.best
        interval = best.validation_interval
        measured = share(best.validation_accuracy, interval.low, interval.high, best.validation_n)
        self._console.print(
            f"fold {event.number} of {event.folds}: {measured} after epoch {best.epoch}, its best; "
            f"{duration(event.seconds)}"
        )

    def _epoch(self, event: EpochRecord) -> None:
        if event.fold:
            return  # a line for each fold is enough
        interval = event.validation_interval
        measured = share(event.validation_accuracy, interval.low, interval.high, event.validation_n)
        self._preparation.close()
        name = event.epoch or "head"
        self._console.print(
            f"{name:>5}  {event.loss:>7.4f}  {event.accuracy:>8.2%}  {measured:<40}  "
            f"{duration(event.seconds):>10}"
        )

    def _stage(self, event: Stage) -> None:
        self.stages.append(event)
        low, high = event.gain.interval.low, event.gain.interval.high
        self._console.print(
            Text(
                f"{event.name} ({duration(event.seconds)}): {event.about}; "
                f"{event.gain.difference:+.1%} over {event.over} "
                f"({low * 100:+.1f} to {high * 100:+.1f} points, n={event.gain.n:,})"
            )
        )

    def _end(self, event: Ended) -> None:
        self._ended = event
        self._progress.stop()
        line = self._console.print
        if event.state == "interrupted":
            line(
                f"interrupted at step {event.step}; go on with: ken train --resume {event.run.path}"
            )
            return
        best = event.best
        which = f"epoch {best.epoch}" if best.epoch else "the head"
        how = "by folds" if event.config.splits.folds > 0 else "on validation"
        line(
            f"model of {which}: [bold]{best.validation_accuracy:.2%}[/bold] {how}; "
            f"{duration(event.train_seconds)} of training, {duration(event.total_seconds)} in all"
        )
        line(f"test it once: ken evaluate {event.run.path}")


def sparkline(values: list[float], width: int) -> str:
    """The course of `values` in at most `width` block characters."""
    if not values:
        return ""
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    parts = [values[a:b] for a, b in pairwise(edges) if a < b]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((mean - low) * scale)] for mean in means)
