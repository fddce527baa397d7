"""`ken runs`: the leaderboard. Needs no torch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from kenspeckle import runlog
from kenspeckle.cli.output import console, print_json
from kenspeckle.pages.text import duration


def runs(folder: Path = Path("runs"), /, *, json: bool = False) -> None:
    """List all runs of a folder, best validation accuracy first.

    Parameters
    ----------
    folder
        where the run folders and log.sqlite are [runs]
    json
        print one JSON document as the last line
    """
    rows = runlog.rows(folder)
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in (
        "run",
        "status",
        "source",
        "recipe",
        "seed",
        "epochs",
        "time",
        "validation",
        "test",
        "opened",
    ):
        table.add_column(title, justify="left" if title in _WORDS else "right", overflow="fold")
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
        )
    console(quiet=json).print(table)
    if json:
        print_json({"runs": [asdict(row) for row in rows]})


_WORDS = ("run", "status", "source", "recipe")


def _share(value: float | None, n: int) -> str:
    return "-" if value is None else f"{value:.2%} (n={n:,})"
