"""`ken train --seeds`: one recipe with many seeds, and how far they lie apart."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from kenspeckle.cli.many_view import ManyView
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.signals import StopOnSignal, advising

if TYPE_CHECKING:
    from kenspeckle.many import ManyEnded
    from kenspeckle.recipes.choice import Choice
    from kenspeckle.settings import RunConfig


def train_seeds(choose: Callable[..., Choice], seeds: int, *, out: Path | None, json: bool) -> int:
    """Train what `choose(progress=...)` says with the seeds 0 to `seeds` - 1, and sum it up."""
    screen = console(quiet=json)
    with StopOnSignal() as stop:
        advice = "the same command goes on with what is not finished"
        with closing(ManyView(screen)) as view, advising(lambda: advice):
            from kenspeckle.many import ManyEnded, training_many

            stop.loaded()
            progress = stop.hearing(view.working)
            choice = choose(progress=progress)
            last: object = None
            for last in training_many(
                choice.config,
                seeds=seeds,
                out=out,
                stop=stop,
                progress=progress,
                notes=choice.notes,
            ):
                view.show(last)
        assert isinstance(last, ManyEnded)
    _print(screen, last, advice)
    if json:
        print_json(_document(choice.config, last))
    if last.failed:
        print(f"ken: {len(last.failed)} of {seeds} runs failed", file=sys.stderr)
        return 1
    return stop.exit_code if last.state == "interrupted" else 0


def _print(screen: Console, ended: ManyEnded, advice: str) -> None:
    if ended.state == "interrupted":
        screen.print(f"{len(ended.runs)} runs are finished; {advice}")
        return
    values = _accuracies(ended)
    if len(values) > 1:
        from kenspeckle.evaluation.intervals import student

        interval = student(values)
        n = ended.runs[0].result["validation"]["n"]
        screen.print(
            Text(
                f"validation accuracy {_mean(values):.2%} on the average of {len(values)} seeds, "
                f"{interval.low:.2%} to {interval.high:.2%} with 95 % for other seeds on the same "
                f"{n:,} pictures",
                style="bold",
            )
        )
    for run, value in zip(ended.runs, values, strict=True):
        screen.print(f"  {value:.2%}  {run.path}")
    if ended.runs:
        folder = shlex.quote(str(ended.runs[0].path.parent))
        screen.print(f"list them: ken runs {folder}", soft_wrap=True)


def _document(settings: RunConfig, ended: ManyEnded) -> dict[str, object]:
    from kenspeckle.evaluation.intervals import student

    values = _accuracies(ended)
    interval = student(values) if len(values) > 1 else None
    return {
        "runs": [str(run.path) for run in ended.runs],
        "failed": {str(one.job.path): one.reason for one in ended.failed},
        "state": ended.state,
        "source": settings.source,
        "recipe": settings.recipe,
        "seeds": len(values),
        "total_seconds": ended.seconds,
        "validation": {
            "accuracy": _mean(values),
            "accuracies": values,
            "n": ended.runs[0].result["validation"]["n"],
            "interval_over_seeds": [interval.low, interval.high] if interval else None,
        }
        if values
        else None,
    }


def _accuracies(ended: ManyEnded) -> list[float]:
    return [float(run.result["validation"]["accuracy"]) for run in ended.runs]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
