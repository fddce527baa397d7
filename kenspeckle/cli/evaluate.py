"""`ken evaluate`: measure a run on a split that it has not learned from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table
from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json
from kenspeckle.pages.text import share

if TYPE_CHECKING:
    from kenspeckle.evaluation.accuracy import Measurement


def evaluate(
    run: Path,
    source: str = "",
    /,
    *,
    split: Literal["train", "validation", "test"] = "test",
    epoch: int = 0,
    json: bool = False,
) -> None:
    """Measure a run on its test split, which it has not learned from; every look is counted.

    Parameters
    ----------
    run
        a finished run folder
    source
        other data with classes of the run; all of it, or its official test set
    split
        which part of the data [test]
    epoch
        the model kept of this epoch, from 1, instead of the best [the best]
    json
        print one JSON document as the last line
    """
    found = ks.evaluate(run, source or None, split=split, epoch=epoch)
    measured = found.measurement
    screen = console(quiet=json)
    interval = measured.interval
    if measured.mean_absolute_error is not None:
        screen.print(f"mean absolute error [bold]{measured.mean_absolute_error:.3f}[/bold]")
    headline = share(measured.accuracy, interval.low, interval.high, measured.n)
    part = "all" if measured.split == "all" else f"{measured.split} split"
    screen.print(f"{found.run.path}, {part} of {found.source} ({found.role})")
    screen.print(f"accuracy [bold]{headline}[/bold], 95 % Wilson interval")
    if measured.is_imbalanced:
        balanced = f"balanced accuracy [bold]{measured.balanced_accuracy:.2%}[/bold]"
        screen.print(
            f"{balanced}, macro F1 {measured.macro_f1:.3f} "
            f"(the largest class has {measured.imbalance:.1f} times the pictures of the smallest)"
        )
    others = [f"top-{k} {value:.2%}" for k, value in measured.top_k.items() if k > 1]
    screen.print(", ".join([*others, f"negative log-likelihood {measured.nll:.4f}"]))
    screen.print(_per_class(measured))
    for note in found.notes:
        screen.print(Text(f"note: {note}", style="yellow"))
    if found.openings:
        times = "once" if found.openings == 1 else f"{found.openings} times"
        screen.print(f"the test split of this run was opened {times}")
    if found.role == "opened before":
        screen.print("choices made after the first look make this number too good", style="yellow")
    if json:
        print_json(_document(found))


def _per_class(measured: Measurement) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("class", "n", "precision", "recall", "95 % interval"):
        table.add_column(title, justify="left" if title == "class" else "right")
    for row in measured.per_class:
        table.add_row(
            Text(row.name),
            f"{row.n:,}",
            "-" if math.isnan(row.precision) else f"{row.precision:.2%}",
            "-" if math.isnan(row.recall) else f"{row.recall:.2%}",
            f"{row.interval.low * 100:.2f} to {row.interval.high * 100:.2f}",
        )
    return table


def _document(found: ks.Assessment) -> dict[str, object]:
    measured = found.measurement
    return {
        "run": str(found.run.path),
        "source": found.source,
        "split": measured.split,
        "role": found.role,
        "n": measured.n,
        "accuracy": measured.accuracy,
        "interval": [measured.interval.low, measured.interval.high],
        "balanced_accuracy": measured.balanced_accuracy,
        "macro_f1": measured.macro_f1,
        "nll": measured.nll,
        "top_k": measured.top_k,
        "per_class": [
            {
                "name": row.name,
                "n": row.n,
                "precision": row.precision,
                "recall": row.recall,
                "interval": [row.interval.low, row.interval.high],
            }
            for row in measured.per_class
        ],
        "openings": found.openings,
        "notes": list(found.notes),
        "mean_absolute_error": measured.mean_absolute_error,
    }
