"""The winner of a search: trained again, and measured once on the test split."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kenspeckle.assessment import evaluate
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import TEST
from kenspeckle.errors import ConfigError, KenspeckleError, RunError
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


def without_winner(folder: Path, trials: Sequence[Trial], minutes: float) -> KenspeckleError:
    """What to raise where no trial came to its end."""
    if trials:
        return ConfigError(
            f"{folder}: none of {len(trials)} trials came to its end; the first: "
            f"{trials[0].outcome}: {trials[0].reason}"
        )
    return RunError(
        f"{folder}: {minutes:g} minutes are too few for one trial and the winner; "
        "give more with --minutes and the same command goes on, or fewer train.epochs"
    )


def others_go_on(count: int) -> str:
    """Why there is no winner yet, where `count` trials are under way on other machines."""
    trials = "1 trial is" if count == 1 else f"{count} trials are"
    return (
        f"{trials} under way in other folders; the one that ends last trains the winner, and where "
        "one was killed, the same command goes on there"
    )


def left_out(late: int, missing: int) -> list[str]:
    """What does not count, because the winner had been chosen before."""
    notes = []
    if late:
        trials = "1 trial" if late == 1 else f"{late} trials"
        notes.append(f"{trials} ended after the winner was chosen, and counted for nothing")
    if missing > 0:
        notes.append(
            f"the winner was chosen {missing} trials earlier; for more choose another folder"
        )
    return notes


def _score(entry: Mapping[str, Any]) -> Score:
    return Score(accuracy=entry["accuracy"], n=entry["n"], interval=Interval(**entry["interval"]))
