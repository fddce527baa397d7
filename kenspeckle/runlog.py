"""The run log: one SQLite row for each run, beside the run folders. Needs no torch."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kenspeckle.errors import ConfigError, RunError
from kenspeckle.foreign import is_plain_name
from kenspeckle.storage import is_locked

FILE_NAME = "log.sqlite"
_PATIENCE = 30.0  # seconds that other writers are waited for
LOCK = ".lock"  # in each run folder, held while a process writes there


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """What the leaderboard shows of a run; NaN or 0 where it is not known yet."""

    run: str  # name of the folder
    started: str  # ISO 8601, UTC
    source: str
    recipe: str
    seed: int
    status: str  # "training", "interrupted", "failed", "finished"; "killed" is never written
    epochs: int = 0
    train_seconds: float = 0.0
    validation_accuracy: float | None = None
    validation_n: int = 0
    test_accuracy: float | None = None
    test_n: int = 0
    test_openings: int = 0
    mark: str = ""  # a word of the user; kept apart, because `record` replaces rows


_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "started", "source", "recipe", "status"), (str,)),
    **dict.fromkeys(("seed", "epochs", "validation_n", "test_n", "test_openings"), (int,)),
    "train_seconds": (int, float),
    **dict.fromkeys(("validation_accuracy", "test_accuracy"), (int, float, type(None))),
}
_COLUMNS = [field.name for field in fields(LogRow) if field.name != "mark"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, started TEXT NOT NULL, source TEXT NOT NULL, recipe TEXT NOT NULL,
    seed INTEGER NOT NULL, status TEXT NOT NULL, epochs INTEGER NOT NULL,
    train_seconds REAL NOT NULL, validation_accuracy REAL, validation_n INTEGER NOT NULL,
    test_accuracy REAL, test_n INTEGER NOT NULL, test_openings INTEGER NOT NULL
) STRICT
"""


_MARKS = "CREATE TABLE IF NOT EXISTS marks (run TEXT PRIMARY KEY, mark TEXT NOT NULL) STRICT"
_WORD = re.compile(r"[\w.+-]{1,40}")


def record(folder: Path, row: LogRow) -> None:
    """Insert or replace the row of `row.run` in the log of `folder`."""
    marks = ", ".join("?" * len(_COLUMNS))
    with _open(folder, mode="rwc") as log:
        _write_ahead(log)
        log.execute(_SCHEMA)
        log.execute(
            f"INSERT OR REPLACE INTO runs ({', '.join(_COLUMNS)}) VALUES ({marks})",
            [getattr(row, name) for name in _COLUMNS],
        )


def _write_ahead(log: sqlite3.Connection) -> None:
    """Let readers and a writer go on side by side.

    While another process asks for the same, in a log that is new, SQLite does not wait of itself.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            log.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def rows(folder: Path) -> list[LogRow]:
    """Every run of `folder`, best validation accuracy first; raise `RunError` without a log."""
    if not (folder / FILE_NAME).is_file():
        raise RunError(
            f"{folder}: no run log here (missing {FILE_NAME}); start a run with `ken train`"
        )
    order = "validation_accuracy DESC NULLS LAST, started"
    with _open(folder, mode="ro") as log:
        _refuse_programs(log, folder)
        found = log.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs ORDER BY {order}").fetchall()
        has_marks = log.execute("SELECT 1 FROM sqlite_master WHERE name = 'marks'").fetchone()
        marks = dict(log.execute("SELECT run, mark FROM marks").fetchall() if has_marks else [])
    known = [_checked(folder, dict(zip(_COLUMNS, row, strict=True))) for row in found]
    return [replace(_alive(folder, row), mark=marks.get(row.run, "")) for row in known]


def mark(folder: Path, run: str, word: str) -> None:
    """Give a run a word that is listed with it; "" takes it away.

    Raises `RunError` for a run that is not in the log, and `ConfigError` for more than a word.
    """
    if word and not _WORD.fullmatch(word):
        raise ConfigError(
            f"a mark is one word of at most 40 letters, digits and . + -, got {word!r}"
        )
    if not any(row.run == run for row in rows(folder)):
        raise RunError(f"{folder}: no run {run!r} in the log; `ken runs {folder}` lists them")
    with _open(folder, mode="rw") as log:
        log.execute(_MARKS)
        log.execute("DELETE FROM marks WHERE run = ?", (run,))
        if word:
            log.execute("INSERT INTO marks VALUES (?, ?)", (run, word))


def find(folder: Path, run: str) -> LogRow | None:
    """The row of one run, or None where the log or the row is missing."""
    if not (folder / FILE_NAME).is_file():
        return None
    return next((row for row in rows(folder) if row.run == run), None)


def _refuse_programs(log: sqlite3.Connection, folder: Path) -> None:
    """Raise `RunError` where the log computes what it says: a view could be without end."""
    log.execute("PRAGMA trusted_schema = OFF")
    other = "SELECT name FROM sqlite_master WHERE type NOT IN ('table', 'index')"
    if log.execute(other).fetchone():
        raise RunError(f"{folder / FILE_NAME}: not a run log of ken (it has views or triggers)")


def _checked(folder: Path, values: dict[str, Any]) -> LogRow:
    """The row with `values`; raise `RunError` where they are not as `record` writes them."""
    for name, value in values.items():
        kinds = _KINDS[name]
        if not isinstance(value, kinds) or (name == "run" and not is_plain_name(value)):
            raise RunError(f"{folder / FILE_NAME}: not a run log of ken ({name} is {value!a:.60})")
    return LogRow(**values)


def _alive(folder: Path, row: LogRow) -> LogRow:
    """`row`, its status "killed" where it says "training" and no process does."""
    if row.status == "training" and not is_locked(folder / row.run / LOCK):
        return replace(row, status="killed")
    return row


@contextmanager
def _open(folder: Path, *, mode: str) -> Iterator[sqlite3.Connection]:
    path = (folder / FILE_NAME).absolute()
    if path.is_symlink():
        raise RunError(f"{path}: the run log is a link, which may lead anywhere; remove it")
    try:
        # several trainers may finish in the same second, so wait for the writer before giving up
        with (
            closing(
                sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=_PATIENCE)
            ) as log,
            log,
        ):
            yield log
    except sqlite3.Error as error:
        raise RunError(f"{path}: the run log cannot be used: {error}") from error
