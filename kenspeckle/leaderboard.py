"""The rows of the run log as people ask for them: filtered, sorted, by recipe, as CSV."""

from __future__ import annotations

import csv
import io
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.runlog import LogRow

_SHORT = {
    "accuracy": "validation_accuracy",
    "test": "test_accuracy",
    "seconds": "train_seconds",
    "openings": "test_openings",
}
_TEXT = ("run", "started", "source", "recipe", "status", "mark")
_COLUMNS = [field.name for field in fields(LogRow)]
_CONDITION = re.compile(r"\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(\S.*?)\s*", re.DOTALL)
_OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One comparison of a column with a value."""

    column: str
    operation: str
    value: float | str

    def holds(self, row: LogRow) -> bool:
        """Whether it is true of `row`; never where the row has no such number."""
        found = getattr(row, self.column)
        return found is not None and _OPERATIONS[self.operation](found, self.value)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The finished runs of one recipe on one source."""

    source: str
    recipe: str
    runs: int
    seeds: int  # that differ
    accuracy: float  # mean on validation
    deviation: float | None  # of these accuracies; None of one run
    test_accuracy: float | None  # mean, where every run was tested
    test_deviation: float | None
    train_seconds: float  # mean


def condition(text: str) -> Condition:
    """What "accuracy>0.99" or "recipe==swift" says; raise `ConfigError` for anything else."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise ConfigError(
            f"expected COLUMN, one of == != > >= < <=, and a value, got {text!r}; "
            "for example accuracy>0.99"
        )
    name, operation, value = found.groups()
    key = column(name)
    if key in _TEXT:
        if operation not in ("==", "!="):
            raise ConfigError(f"{name} is text, which == and != compare, got {text!r}")
        return Condition(column=key, operation=operation, value=value)
    try:
        return Condition(column=key, operation=operation, value=float(value))
    except ValueError as error:
        raise ConfigError(f"{name} is a number, and {value!r} is none") from error


def column(name: str) -> str:
    """The column that `name` or its short form means; raise `ConfigError` for another."""
    known = [*_SHORT, *(each for each in _COLUMNS if each not in _SHORT.values())]
    if name not in known and name not in _COLUMNS:
        raise ConfigError(unknown_name("column", name, known))
    return _SHORT.get(name, name)


def select(rows: Iterable[LogRow], conditions: Iterable[Condition]) -> list[LogRow]:
    """Those of `rows` of which all `conditions` hold, in the same order."""
    wanted = tuple(conditions)
    return [row for row in rows if all(each.holds(row) for each in wanted)]


def ordered(rows: Iterable[LogRow], name: str) -> list[LogRow]:
    """By the column `name`, smallest first, or largest first as "name:down"; unknown ones last."""
    short, _, direction = name.partition(":")
    key = column(short)
    if direction not in ("", "up", "down"):
        raise ConfigError(f"expected {short}:up or {short}:down, got {name!r}")
    rows = list(rows)
    known = [row for row in rows if getattr(row, key) is not None]
    unknown = [row for row in rows if getattr(row, key) is None]
    known.sort(key=lambda row: getattr(row, key), reverse=direction == "down")
    return known + unknown


def grouped(rows: Iterable[LogRow]) -> list[Group]:
    """Finished runs by source and recipe, the best mean of each source first."""
    groups: dict[tuple[str, str], list[LogRow]] = {}
    for row in rows:
        if row.status == "finished" and row.validation_accuracy is not None:
            groups.setdefault((row.source, row.recipe), []).append(row)
    found = [_group(*key, members) for key, members in groups.items()]
    return sorted(found, key=lambda group: (group.source, -group.accuracy))


def as_csv(rows: Iterable[LogRow]) -> str:
    """A header and a line for each row; unknown numbers are empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _safe(value) for key, value in asdict(row).items()} for row in rows)
    return buffer.getvalue()


def _group(source: str, recipe: str, rows: Sequence[LogRow]) -> Group:
    scores = [row.validation_accuracy for row in rows if row.validation_accuracy is not None]
    tested = [row.test_accuracy for row in rows if row.test_accuracy is not None]
    is_tested = len(tested) == len(rows)
    return Group(
        source=source,
        recipe=recipe,
        runs=len(rows),
        seeds=len({row.seed for row in rows}),
        accuracy=statistics.fmean(scores),
        deviation=_deviation(scores),
        test_accuracy=statistics.fmean(tested) if is_tested else None,
        test_deviation=_deviation(tested) if is_tested else None,
        train_seconds=statistics.fmean(row.train_seconds for row in rows),
    )


def _deviation(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _safe(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula begins with an apostrophe."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
