"""Tables of runs: all of them, by recipe, two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kenspeckle.pages.text import duration

if TYPE_CHECKING:
    from kenspeckle.leaderboard import Group
    from kenspeckle.run_difference import ResultPair, RunDifference
    from kenspeckle.runlog import LogRow

_WORDS = ("run", "status", "source", "recipe", "mark", "", "setting")


def run_table(rows: Sequence[LogRow]) -> Table:
    """A line for each run; a column of marks where there are some."""
    marks = ["mark"] * any(row.mark for row in rows)
    columns = ("run", "status", "source", "recipe", "seed", "epochs", "time")
    table = _table(*columns, "validation", "test", "opened", *marks)
    for row in rows:
        table.add_row(
            Text(row.run),
            row.status,
            Text(row.source),
            row.recipe,
            str(row.seed),
            str(row.epochs),
            duration(row.train_seconds),
            _share(row.validation_accuracy, row.validation_n),
            _share(row.test_accuracy, row.test_n),
            str(row.test_openings or "-"),
            *([Text(row.mark)] if marks else []),
        )
    return table


def group_table(groups: Sequence[Group]) -> Table:
    """A line for each recipe on each source."""
    table = _table("source", "recipe", "runs", "seeds", "validation", "test", "time")
    for group in groups:
        table.add_row(
            Text(group.source),
            group.recipe,
            str(group.runs),
            str(group.seeds),
            _mean(group.accuracy, group.deviation),
            _mean(group.test_accuracy, group.test_deviation),
            duration(group.train_seconds),
        )
    return table


def difference_table(found: RunDifference) -> Table:
    """Settings and facts that differ, then the results."""
    first, second = (str(run) for run in found.runs)
    table = _table("setting", first, second)
    for name, (one, other) in {**found.settings, **found.facts}.items():
        table.add_row(Text(name), Text(_value(one)), Text(_value(other)))
    for pair in found.results:
        one, other = (_share(*each) for each in zip(pair.accuracies, pair.counts, strict=True))
        table.add_row(Text(pair.split), one, other)
    return table


def difference_line(pair: ResultPair) -> str:
    """How far the second run is above the first on one split."""
    low, high = pair.gap.interval.low * 100, pair.gap.interval.high * 100
    how = "on the same items" if pair.is_paired else "as if on other items"
    verdict = "" if low > 0 or high < 0 else ": not distinguishable"
    return (
        f"{pair.split}: the second is {pair.gap.difference * 100:+.2f} points above the first "
        f"({low:+.2f} to {high:+.2f}, {how}){verdict}"
    )


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(
            Text(title), justify="left" if title in _WORDS else "right", overflow="fold"
        )
    return table


def _value(value: Any) -> str:
    return "-" if value is None else str(value)


def _share(value: float | None, n: int) -> str:
    return "-" if value is None else f"{value:.2%} (n={n:,})"


def _mean(value: float | None, deviation: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" + ("" if deviation is None else f" (sd {deviation * 100:.2f})")
