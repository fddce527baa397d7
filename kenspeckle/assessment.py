"""Measure a finished run on a split of its own data or of other data; count every look at test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle import device, runlog, storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.reopening import read_again
from kenspeckle.data.splits import (
    SPLIT_NAMES,
    TEST,
    TRAIN,
    VALIDATION,
    SplitConfig,
    draw,
    groups_of,
)
from kenspeckle.errors import DataError
from kenspeckle.evaluation.accuracy import Measurement
from kenspeckle.evaluation.metrics import measure_fully
from kenspeckle.evaluation.reliance import Reliance, reliance
from kenspeckle.inference import predictions
from kenspeckle.model_file import load
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import RESULT, Run, open_run
from kenspeckle.runlog import LOCK

ALL = "all"  # the split of other data without an official test set: every item
LISTED = 12  # class names in an error


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The figures of one split, and how untouched it was."""

    run: Run
    source: str
    measurement: Measurement
    openings: int  # how often the test split of this run was measured, this time included
    role: str  # "untouched", "opened before", "chosen on", "trained on" or "other data"
    notes: tuple[str, ...] = ()  # on files of other data
    temperature: dict[str, Any] | None = None  # of the model, as `result.json` tells it
    reliance: Reliance | None = None  # where nothing was chosen on this split


def evaluate(
    run: str | Path | Run,
    source: str | Path | Dataset | None = None,
    *,
    split: str = TEST,
    epoch: int = 0,
) -> Assessment:
    """Measure the run's model on a split, and write predictions and result into the run.

    With `epoch`, from 1, the model that `train.keep_models` kept of it instead of the best one.

    With `source`, of other data, whose classes the model must know by name; this is not written
    into the run. Of other data without an official test set, all is measured, as the split "all".
    Raises `RunError` for an unfinished run, `DataError` where the data does not fit the model.
    """
    found = run if isinstance(run, Run) else open_run(run)
    settings = found.config
    classifier = load(found.epoch_model(epoch) if epoch else found.model_file)
    device.prepare(device.choose("cpu", "fp32", settings.threads))
    data = open_for(source or settings.source, found)
    is_own = data.fingerprint == found.ledger["fingerprint"]
    if is_own and split == VALIDATION and settings.splits.folds > 0:
        raise DataError(
            f"{found.path}: the model has learned from its validation pictures, which were told by "
            f"folds before that; those figures are in {found.path / RESULT}"
        )
    if not is_own and split == TEST and not data.official_test.any():
        split, chosen = ALL, np.arange(len(data))
    else:
        chosen = _indices(data, settings.splits, split, is_own=is_own)
    named = _as_known(data.take(chosen), classifier.class_names)
    made = predictions(
        classifier.network,
        dataset_views(named, settings.preprocess),
        classifier.head,
        split=split,
        temperature=classifier.temperature,
    )
    measured = measure_fully(made, groups=groups_of(data)[chosen])
    relied = None if epoch else _reliance(found, made)
    if not is_own:
        return Assessment(
            run=found,
            source=data.source,
            measurement=measured,
            openings=0,
            role="other data",
            notes=data.origin.notes if data.origin else (),
            temperature=_temperature(found, epoch),
            reliance=relied,
        )
    return _recorded(found, made, measured, relied, data.source, epoch)


def _reliance(run: Run, made: Predictions) -> Reliance | None:
    """With what is chosen on validation, of a split that the model has not learned from."""
    path = run.predictions_file(VALIDATION)
    if made.split in (TRAIN, VALIDATION) or not path.is_file():
        return None
    return reliance(made, load_predictions(path))


def _temperature(run: Run, epoch: int) -> dict[str, Any] | None:
    """Of the model of a run; models of single epochs have none."""
    found: dict[str, Any] | None = run.result.get(VALIDATION, {}).get("temperature")
    return None if epoch else found


def open_for(source: str | Path | Dataset, run: Run) -> Dataset:
    """Its pictures at the size that the run was trained at; of other data, those of all classes."""
    how, preprocess, own = run.config.data, run.config.preprocess, run.ledger["fingerprint"]
    if isinstance(source, Dataset):
        given = read_again(source, data=how, preprocess=preprocess)
        if given.origin is None or given.fingerprint == own:
            return given
        source = given.source
    found = open_dataset(source, data=how, preprocess=preprocess, classes="all")
    if found.fingerprint != own and _has_more_than_learned(found):
        learned = open_dataset(source, data=how, preprocess=preprocess)
        if learned.fingerprint == own:
            return learned
    return found


def _has_more_than_learned(data: Dataset) -> bool:
    """Whether there are pictures to train on, but not of every class."""
    is_held = data.official_test.copy()
    if data.official_validation is not None:
        is_held |= data.official_validation
    return 0 < len(np.unique(data.labels[~is_held])) < len(data.class_names)


def _indices(data: Dataset, config: SplitConfig, split: str, *, is_own: bool) -> NDArray[np.int64]:
    """The items of a split; other data has one only where it has an official test set."""
    if not is_own and split in SPLIT_NAMES:
        if not data.official_test.any():
            raise DataError(
                f"{data.source} is not the data of this run and has no split {split}; "
                "leave out --split to measure all of it"
            )
        if split == TEST:
            return np.flatnonzero(data.official_test)
    return draw(data, config).indices(split)


def _as_known(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """`data` with the labels of a model that knows the classes `names`."""
    if data.class_names == names:
        return data
    labels = {name: label for label, name in enumerate(names)}
    unknown = [name for name in data.class_names if name not in labels]
    if unknown:
        raise DataError(
            f"{data.source} has classes that the model does not know: {_listed(unknown)} "
            f"(known: {_listed(names)})"
        )
    translated = np.array([labels[name] for name in data.class_names])[data.labels]
    return replace(data, labels=translated, class_names=names)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest:,} more" if rest > 0 else "")


def _recorded(
    run: Run,
    made: Predictions,
    measurement: Measurement,
    relied: Reliance | None,
    source: str,
    epoch: int,
) -> Assessment:
    """Write predictions and figures into the run before anybody sees them."""
    name = f"{made.split}-epoch-{epoch}" if epoch else made.split
    with storage.lock(run.path / LOCK, "evaluating"):
        result = run.result
        before = max(entry.get("openings", 0) for entry in result.values())
        openings = before + (made.split == TEST)
        role = _role(made.split, openings)
        entry = {"role": role, **asdict(measurement)}
        if made.split == TEST:
            entry["openings"] = openings
        if relied:
            entry["reliance"] = asdict(relied)
        temperature = _temperature(run, epoch)
        if made.split == VALIDATION and temperature:
            entry["temperature"] = temperature
        storage.write_json(run.path / RESULT, {**result, name: entry})
        made.save(run.predictions_file(name))
        if made.split == TEST:
            _log_test(run, None if epoch else measurement, openings)
    return Assessment(
        run=run,
        source=source,
        measurement=measurement,
        openings=openings,
        role=role,
        temperature=temperature,
        reliance=relied,
    )


def _role(split: str, openings: int) -> str:
    if split == TEST:
        return "untouched" if openings == 1 else "opened before"
    return "trained on" if split == TRAIN else "chosen on"


def _log_test(run: Run, measurement: Measurement | None, openings: int) -> None:
    """The accuracy of the run's best model, which that of another epoch says nothing of."""
    row = runlog.find(run.log_folder, run.name)
    if row:
        tested = replace(row, test_openings=openings)
        if measurement:
            tested = replace(tested, test_accuracy=measurement.accuracy, test_n=measurement.n)
        runlog.record(run.log_folder, tested)
