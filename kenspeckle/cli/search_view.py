"""A search in a terminal: a line for each trial, and below them how the whole job stands."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kenspeckle.pages.text import duration
from kenspeckle.views.outlook import rounded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kenspeckle.searching.records import (
        SearchEvent,
        SearchResult,
        SearchStarted,
        Trial,
        Winner,
        Working,
    )

_SHOWN = 10  # trials of the leaderboard


class SearchView:
    """Prints events on `screen`. Call `close` in any case: it gives the cursor back."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._status = Text("")
        self._result: SearchResult | None = None
        self._live: Live | None = None
        if screen.is_terminal and not screen.is_dumb_terminal and not screen.quiet:
            self._live = Live(
                get_renderable=lambda: self._status,
                console=screen,
                transient=True,
                refresh_per_second=4,
            )
            self._live.start()

    @property
    def result(self) -> SearchResult:
        """The last event, once it was shown."""
        assert self._result is not None
        return self._result

    def close(self) -> None:
        """Take the status away."""
        if self._live:
            self._live.stop()

    def say(self, line: str) -> None:
        """Show `line` at once, also from a signal handler."""
        if self._live and self._live.is_started:
            self._status = Text(line, style="yellow")
        else:
            # not print: a handler may interrupt another print in the middle
            os.write(2, f"ken: {line}\n".encode())

    def working(self, what: str, done: int, total: int) -> None:
        """Show how far work before the first trial has come."""
        self._status = Text(f"{what} {done:,}/{total:,}" if total else what, style="dim")

    def show(self, event: SearchEvent) -> None:
        """Show what `event` is about."""
        # here, because at the top of the file they would load torch before `--help` appears
        from kenspeckle.searching.records import SearchResult, SearchStarted, Trial, Working

        match event:
            case SearchStarted():
                self._start(event)
            case Working():
                self._status = _status(event)
            case Trial():
                self._print(_line(event))
            case SearchResult():
                self._end(event)

    def wrote(self, files: Sequence[str]) -> None:
        """Name the files of the figures."""
        if files:
            self._print(Text(f"wrote {', '.join(files)}", style="dim"))

    def _start(self, event: SearchStarted) -> None:
        config, plan = event.config, event.plan
        limits = [f"{event.planned} trials"] if event.planned else []
        limits += [f"{plan.minutes:g} min"] if plan.minutes else []
        self._print(
            f"{event.folder}: {plan.method} search from recipe {config.recipe} on {config.source}, "
            f"at most {' or '.join(limits)}"
        )
        for key, values in event.space.items():
            self._print(f"  {key} = {values.text}")
        for note in event.notes:
            self._print(Text(f"note: {note}", style="yellow"))
        if event.done:
            self._print(f"going on after {len(event.done)} trials")

    def _end(self, result: SearchResult) -> None:
        self._result = result
        self.close()
        for note in result.notes:
            self._print(Text(f"note: {note}", style="yellow"))
        if result.state == "interrupted":
            self._print(f"stopped after {len(result.trials)} trials; the same command goes on")
            return
        self._print(_leaderboard(result.leaderboard))
        if result.importance:
            shares = ", ".join(f"{key} {share:.0%}" for key, share in result.importance.items())
            self._print(Text(f"what mattered: {shares}"))
        if result.winner:
            self._crown(result.winner, result)
        self._print(f"{duration(result.seconds)} in all")

    def _crown(self, winner: Winner, result: SearchResult) -> None:
        optimism = winner.optimism
        low, high = optimism.interval.low * 100, optimism.interval.high * 100
        self._print(f"winner, trained again: {winner.run}")
        times = "once" if winner.openings == 1 else f"{winner.openings} times"
        self._print(Text.assemble("test ", (winner.test.text, "bold"), f", opened {times}"))
        self._print(
            f"optimism: the score that won is {optimism.difference * 100:+.2f} points above test "
            f"({low:+.2f} to {high:+.2f}), as the best of {len(result.trials)}"
        )

    def _print(self, what: str | Text | Table) -> None:
        self._screen.print(Text(what) if isinstance(what, str) else what, soft_wrap=False)


def _status(event: Working) -> Text:
    left = "measuring how fast it goes" if event.left is None else f"about {rounded(event.left)}"
    done = f"{event.share:.0%}, " if event.left is not None else ""
    return Text(f"{event.what}: {done}{left}" + (" left" if event.left is not None else ""))


def _line(trial: Trial) -> Text:
    score = trial.score.text if trial.score else trial.reason
    style = "" if trial.outcome == "done" else "dim"
    return Text(
        f"trial {trial.number:>3}  {trial.outcome:<8}  {score}  {duration(trial.seconds)}  "
        f"{_settings(trial.settings)}",
        style=style,
    )


def _leaderboard(trials: Sequence[Trial]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("place", "trial", "outcome", "validation (95 % interval)", "settings"):
        table.add_column(title, justify="right" if title in ("place", "trial") else "left")
    for place, trial in enumerate(trials[:_SHOWN], start=1):
        table.add_row(
            str(place),
            str(trial.number),
            trial.outcome,
            trial.score.text if trial.score else "-",
            Text(_settings(trial.settings)),
        )
    return table


def _settings(settings: Mapping[str, str]) -> str:
    """Last words of the names and short numbers, such as "rate=0.0123"."""
    return " ".join(f"{key.rpartition('.')[2]}={_short(text)}" for key, text in settings.items())


def _short(text: str) -> str:
    try:
        return f"{float(text):.3g}"
    except ValueError:
        return text
