"""`ken evaluate`: measure a run on a split that it has not learned from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.evaluation_view import (
    CLASSES,
    classes,
    metrics,
    reliance_lines,
    temperature_line,
)
from kenspeckle.cli.output import console, print_json
from kenspeckle.pages.text import share


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
    headed = measured.metrics["accuracy"]
    interval = headed.interval
    if measured.mean_absolute_error is not None:
        screen.print(f"mean absolute error [bold]{measured.mean_absolute_error:.3f}[/bold]")
    headline = share(measured.accuracy, interval.low, interval.high, measured.n)
    part = "all" if measured.split == "all" else f"{measured.split} split"
    screen.print(f"{found.run.path}, {part} of {found.source} ({found.role})")
    screen.print(f"accuracy [bold]{headline}[/bold], 95 % {_interval_of(headed.method)}")
    if measured.is_imbalanced:
        balanced = f"balanced accuracy [bold]{measured.balanced_accuracy:.2%}[/bold]"
        screen.print(
            f"{balanced}, macro F1 {measured.macro_f1:.3f} "
            f"(the largest class has {measured.imbalance:.1f} times the pictures of the smallest)"
        )
    screen.print(metrics(measured, found.temperature))
    for line in _after(found):
        screen.print(Text(line), soft_wrap=True)
    screen.print(classes(measured))
    if len(measured.per_class) > CLASSES:
        screen.print(f"the {CLASSES} classes of the lowest recall; --json has all")
    for note in found.notes:
        screen.print(Text(f"note: {note}", style="yellow"))
    if found.openings:
        times = "once" if found.openings == 1 else f"{found.openings} times"
        screen.print(f"the test split of this run was opened {times}")
    if found.openings == 1:
        screen.print("it is no longer untouched: what is chosen by these numbers needs other data")
    if found.role == "opened before":
        screen.print("choices made after the first look make this number too good", style="yellow")
    if json:
        print_json(_document(found))


def _after(found: ks.Assessment) -> list[str]:
    """What else is to be said below the metrics."""
    line = temperature_line(found.temperature)
    return [*([line] if line else []), *(reliance_lines(found.reliance) if found.reliance else [])]


def _interval_of(method: str) -> str:
    return "Wilson interval" if method == "Wilson" else f"interval ({method})"


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
                "precision_interval": [row.precision_interval.low, row.precision_interval.high],
                "predicted": row.predicted,
            }
            for row in measured.per_class
        ],
        "openings": found.openings,
        "notes": list(found.notes),
        "mean_absolute_error": measured.mean_absolute_error,
        "metrics": {name: asdict(estimate) for name, estimate in measured.metrics.items()},
        "temperature": found.temperature,
        "reliance": asdict(found.reliance) if found.reliance else None,
    }
