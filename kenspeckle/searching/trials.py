"""One training of a search: its score on validation, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kenspeckle import storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import ConfigError, KenspeckleError, NonFiniteError, RunError
from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.events import (
    Ended,
    EpochRecord,
    Event,
    FoldDone,
    Started,
    epoch_record,
    kept_epoch,
)
from kenspeckle.run_folder import CONFIG, open_run
from kenspeckle.runs import resuming, training
from kenspeckle.searching.records import Outcome, Score
from kenspeckle.searching.space import configured
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """How a trial ended; no outcome where it was told to stop, and will go on another time."""

    outcome: Outcome | None
    score: Score | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a trial is."""

    share: float  # of its updates, 0..1
    epoch: int  # from 1
    fold: int  # from 1; 0 = no folds


def quiet(settings: RunConfig) -> RunConfig:
    """`settings` without what is only watched, none of which changes a bit of the weights."""
    monitor = replace(settings.monitor, histograms="off", graph="off", pictures=0)
    augment = replace(settings.augment, check="off")
    return replace(settings, monitor=monitor, augment=augment)


def attempting(
    base: RunConfig,
    assignments: Mapping[str, str],
    *,
    folder: Path,
    dataset: Dataset,
    stop: Callable[[], bool],
    falls_behind: Callable[[int, float], bool],
) -> Iterator[Progress | Attempt]:
    """Train with `assignments` into `folder`, or go on there; the last one is an `Attempt`.

    `falls_behind` hears of each validation (its number, the accuracy) and says whether to
    prune.
    """
    try:
        settings = quiet(configured(base, assignments))
    except ConfigError as error:
        yield Attempt(outcome="refused", reason=str(error))
        return
    try:
        yield from _trained(settings, folder, dataset, stop, falls_behind)
    except NonFiniteError as error:
        yield Attempt(outcome="diverged", reason=str(error))
    except ConfigError as error:  # that only the pictures show, such as batches of one
        yield Attempt(outcome="refused", reason=str(error))


def _trained(
    settings: RunConfig,
    folder: Path,
    dataset: Dataset,
    stop: Callable[[], bool],
    falls_behind: Callable[[int, float], bool],
) -> Iterator[Progress | Attempt]:
    folds: list[list[EpochRecord]] = []
    validations = 0
    with closing(_events(settings, folder, dataset, stop)) as events:
        for event in events:
            if isinstance(event, Started):
                settings = event.config  # in which nothing is open
                for record in _before(event):
                    falls_behind(record.epoch, record.validation_accuracy)
            elif isinstance(event, Epoch):
                fold = max(1, len(folds)) if settings.splits.folds > 0 else 0
                done = event.step / max(1, event.total_steps)
                yield Progress(share=done, epoch=event.number + 1, fold=fold)
            elif isinstance(event, EpochRecord):
                validations += 1
                if event.fold:
                    folds += [[]] * (event.fold > len(folds))
                    folds[event.fold - 1] = [*folds[event.fold - 1], event]
                number = validations if event.fold else event.epoch
                if falls_behind(number, event.validation_accuracy):
                    yield Attempt(outcome="pruned", score=_score([event]))
                    return
            elif isinstance(event, FoldDone) and event.number == event.folds:
                # the network of all pictures is trained for the winner alone
                yield Attempt(outcome="done", score=by_folds(folds, settings))
                return
            elif isinstance(event, Ended):
                if event.state == "interrupted":
                    yield Attempt(outcome=None)
                else:
                    yield Attempt(outcome="done", score=_score([event.best]))


def _events(
    settings: RunConfig, folder: Path, dataset: Dataset, stop: Callable[[], bool]
) -> Generator[Event, None, None]:
    """Of a new training, or of the one that a killed process had begun in `folder`."""
    if (folder / CONFIG).is_file():
        try:
            # of folds, what was said before is in the checkpoint only
            if not open_run(folder).config.splits.folds:
                yield from resuming(folder, dataset=dataset, stop=stop)
                return
        except NonFiniteError:
            raise
        except KenspeckleError:  # no whole checkpoint, or finished a moment too late to be told
            pass
    if folder.exists():
        storage.remove_folder(folder)
    yield from training(settings, out=folder, dataset=dataset, stop=stop)


def _before(started: Started) -> list[EpochRecord]:
    """The epochs that an earlier process had validated."""
    if not started.step or started.config.splits.folds > 0:
        return []
    try:
        found = [epoch_record(line) for line in started.run.epochs]
    except RunError:
        return []
    return [record for record in found if record.step <= started.step]


def by_folds(folds: Sequence[Sequence[EpochRecord]], settings: RunConfig) -> Score:
    """All pictures, told after as many epochs as the folds were best with in the median.

    As the run itself would be measured: no fold by the epoch that happened to tell it best.
    """
    keep = settings.train.keep
    median = float(np.median([epochs[kept_epoch(epochs, keep)].epoch for epochs in folds]))
    chosen = [min(epochs, key=lambda each: abs(each.epoch - median)) for epochs in folds]
    return _score(chosen)


def _score(records: Sequence[EpochRecord]) -> Score:
    """Of the pictures of all `records` together."""
    n = sum(each.validation_n for each in records)
    right = sum(round(each.validation_accuracy * each.validation_n) for each in records)
    return Score(accuracy=right / n, n=n, interval=wilson(right, n))
