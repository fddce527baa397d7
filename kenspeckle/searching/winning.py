"""The winner of a search: trained again, and measured once on the test split."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from kenspeckle.assessment import evaluate
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import TEST
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.evaluation.difference import independent_difference
from kenspeckle.events import Ended
from kenspeckle.run_folder import CONFIG, Run
from kenspeckle.runs import resuming, training
from kenspeckle.searching.records import Score, Trial, Winner
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch


def crowning(
    folder: Path,
    settings: RunConfig,
    best: Trial,
    *,
    dataset: Dataset,
    stop: Callable[[], bool],
) -> Generator[float, None, Winner | None]:
    """Train `settings` into `folder`, or go on there, and open the test split once.

    Yields the share that is done; returns None where it was stopped.
    """
    run = Run(folder)
    if not run.is_finished:
        events = (
            resuming(folder, dataset=dataset, stop=stop)
            if (folder / CONFIG).is_file()
            else training(settings, out=folder, dataset=dataset, stop=stop)
        )
        for event in events:
            if isinstance(event, Epoch):
                yield event.step / max(1, event.total_steps)
            elif isinstance(event, Ended) and event.state == "interrupted":
                return None
    if TEST not in run.result:  # a process that was killed later has measured it
        evaluate(run, dataset)
    return winner_of(run, best)


def read_winner(folder: Path, best: Trial | None) -> Winner | None:
    """The winner in `folder`; None where another machine has it."""
    return winner_of(Run(folder), best) if best and (folder / CONFIG).is_file() else None


def winner_of(run: Run, best: Trial) -> Winner:
    """What the finished and measured `run` says, beside the score that it was chosen by."""
    validation, test = _score(run.result["validation"]), _score(run.result[TEST])
    assert best.score
    return Winner(
        run=run.path,
        validation=validation,
        test=test,
        openings=run.result[TEST]["openings"],
        optimism=independent_difference(
            right=(
                round(test.accuracy * test.n),
                round(best.score.accuracy * best.score.n),
            ),
            counts=(test.n, best.score.n),
        ),
    )


def _score(entry: Mapping[str, Any]) -> Score:
    return Score(accuracy=entry["accuracy"], n=entry["n"], interval=Interval(**entry["interval"]))
