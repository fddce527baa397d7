"""Gather what is known of a finished run; nothing is trained, and no split is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from kenspeckle import config, device
from kenspeckle.briefing.charts import course, numbers_of, reliability_of
from kenspeckle.briefing.inside import look_inside
from kenspeckle.briefing.network import Network, network_of
from kenspeckle.briefing.pictures import Seen, seen_of
from kenspeckle.briefing.record import Briefing, DataFacts, Evidence, Measured, Section
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import TEST, VALIDATION
from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.ledger_findings import ledger_findings
from kenspeckle.errors import KenspeckleError, RunError
from kenspeckle.evaluation.accuracy import Measurement, measure
from kenspeckle.evaluation.calibration import calibration
from kenspeckle.evaluation.confusion import confusion
from kenspeckle.evaluation.intervals import Interval
from kenspeckle.evaluation.mistakes import Answer, mistakes, top_losses
from kenspeckle.events import EpochRecord, epoch_record, kept_epoch
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import Run
from kenspeckle.run_pictures import RunPictures

_TOP_LOSSES = 18  # pictures
_PAIRS, _OF_PAIR = 6, 4  # pairs of classes, pictures of each
_LISTED = 200  # files that are left out


def gather(run: Run, dataset: Dataset | None = None) -> Briefing:
    """The record of `run`; `dataset` only where it was trained on one made in memory.

    It is about the test split if that was opened before, else about validation. Raises `RunError`
    for an unfinished run. What cannot be had, such as pictures whose source is gone, is left out
    with a note.
    """
    result, settings = run.result, run.config
    environment, ledger = run.environment, run.ledger  # before anything is worked at
    device.prepare(device.choose("cpu", "fp32", settings.threads))
    predictions = _predictions(run, result)
    split = TEST if TEST in predictions else VALIDATION
    said = predictions[split]
    fitted = result[VALIDATION].get("temperature")
    temperature = fitted["value"] if fitted else None
    figures = {
        name: _measured(found, result[name], temperature) for name, found in predictions.items()
    }
    epochs = tuple(epoch_record(line) for line in run.epochs)
    kept = epochs[kept_epoch(epochs, settings.keep)]
    folds = max(0, settings.splits.folds) if split == VALIDATION else 0
    evidence = evidence_of(said, folds)
    notes: list[str] = []
    network = _network(run, notes)
    seen = _pictures(run, dataset, said, evidence, notes)
    inside: tuple[Section, ...] = ()
    left_out: tuple[str, ...] = ()
    if network:
        pictures = RunPictures(run, network.classifier, dataset=seen.data if seen else None)
        inside, left_out = look_inside(pictures, has_source=seen is not None)
    return Briefing(
        name=run.name,
        path=str(run.path),
        settings=config.to_dict(settings),
        config_text=config.dumps(settings),
        environment=environment,
        data=_data_facts(ledger),
        epochs=epochs,
        kept=kept,
        figures=figures,
        openings=max(entry.get("openings", 0) for entry in result.values()),
        evidence=evidence,
        balance=_balance(kept, figures[split].measurement, evidence, network, seen),
        summary=network.summary if network else None,
        pictures=seen.pictures if seen else None,
        course=course(epochs, settings, ledger["counts"]),
        reliability=(reliability_of(evidence.calibration), *numbers_of(said)),
        inside=inside,
        left_out=left_out,
        notes=tuple(notes),
    )


def _predictions(run: Run, result: Mapping[str, Any]) -> dict[str, Predictions]:
    """Of the validation split, and of the test split where it was opened."""
    found = {
        split: load_predictions(run.predictions_file(split))
        for split in (VALIDATION, TEST)
        if split in result and run.predictions_file(split).is_file()
    }
    if not found:
        raise RunError(
            f"{run.path}: no predictions here (missing {run.predictions_file(VALIDATION).name}); "
            f"make some by `ken evaluate {run.path} --split validation`"
        )
    return found


def _measured(said: Predictions, entry: Mapping[str, Any], temperature: float | None) -> Measured:
    """With the interval of `entry`, which knows of groups in the pictures."""
    interval = Interval(**entry["interval"])
    measurement = replace(measure(said), interval=interval)
    return Measured(measurement=measurement, role=entry["role"], temperature=temperature)


def evidence_of(said: Predictions, folds: int) -> Evidence:
    """What `said` shows; `folds` are the parts by which it was told, or 0."""
    matrix, wrong = confusion(said), mistakes(said)
    by_pair: dict[tuple[int, int], list[Answer]] = {}
    for answer in wrong:
        by_pair.setdefault((answer.label, answer.predicted), []).append(answer)
    return Evidence(
        split=said.split,
        folds=folds,
        calibration=calibration(said),
        confusion=matrix,
        mistakes=wrong,
        top_losses=top_losses(said, _TOP_LOSSES),
        pairs=tuple(
            (pair, tuple(by_pair[pair.label, pair.predicted][:_OF_PAIR]))
            for pair in matrix.pairs[:_PAIRS]
        ),
    )


def _network(run: Run, notes: list[str]) -> Network | None:
    try:
        return network_of(run)
    except KenspeckleError as error:
        notes.append(f"The network cannot be looked into: {error}.")
        return None


def _pictures(
    run: Run, dataset: Dataset | None, said: Predictions, evidence: Evidence, notes: list[str]
) -> Seen | None:
    try:
        return seen_of(run, dataset, said, evidence)
    except KenspeckleError as error:
        notes.append(f"There are no pictures on this page: {error}.")
        return None


def _balance(
    kept: EpochRecord,
    measured: Measurement,
    evidence: Evidence,
    network: Network | None,
    seen: Seen | None,
) -> BiasVariance | None:
    """What is known of training pictures as they are, against those of the measured split."""
    if evidence.folds and not kept.epoch:  # a head, measured on all that it has learned from
        share, n = kept.accuracy, measured.n
    elif network and seen:
        share, n = network.share_right(seen.data, seen.splits.train)
    else:
        return None
    return BiasVariance(
        train_accuracy=share,
        train_n=n,
        other_accuracy=measured.accuracy,
        other_n=measured.n,
        best=1.0,
    )


def _data_facts(ledger: Mapping[str, Any]) -> DataFacts:
    picture = ledger["picture"]
    left_out = (
        (item["path"], item["reason"]) for item in ledger.get("items", ()) if "reason" in item
    )
    return DataFacts(
        source=ledger["source"],
        fingerprint=ledger["fingerprint"],
        size=(picture["height"], picture["width"], picture["channels"]),
        class_names=tuple(ledger["classes"]),
        counts=ledger["counts"],
        excluded=ledger.get("excluded", {}),
        reasons=ledger.get("reasons", {}),
        left_out=tuple(islice(left_out, _LISTED)),
        findings=ledger_findings(ledger),
    )
