"""Conduct one run to its end: the loop, validation, checkpoints and records.

Whatever happens, the folder stays one from which the run can go on: every file is replaced whole,
and a checkpoint carries everything that the loop changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from kenspeckle import model_file, runlog, storage
from kenspeckle.data.splits import VALIDATION
from kenspeckle.errors import KenspeckleError, RunError, StorageError
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.event_files import EventFiles
from kenspeckle.events import Ended, EpochRecord, Event, Started, kept_epoch, stops_early
from kenspeckle.inference import predictions
from kenspeckle.model_file import Classifier
from kenspeckle.monitoring import write_epoch, write_start, write_validation
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import EPOCHS, MODEL, RESULT, TENSORBOARD
from kenspeckle.session import Session, save_checkpoint
from kenspeckle.training import Epoch, averaged, fit
from kenspeckle.transfer import HEAD, first_stage, second_stage

_OFTEN = 10  # epochs


def work(session: Session, stop: Callable[[], bool], notes: list[str]) -> Iterator[Event]:
    """Train to the end, or until `stop()`; save, validate and record on the way."""
    settings, training = session.settings, session.training
    _log(session, "training")
    parameters = sum(parameter.numel() for parameter in training.network.parameters())
    yield Started(
        run=session.run,
        config=settings,
        compute=session.compute,
        parameters=parameters,
        train_n=len(session.batches.labels),
        validation_n=len(session.splits.validation),
        step=training.total,
        notes=tuple(notes),
    )
    events = EventFiles(session.run.path / TENSORBOARD, first_step=training.total)
    with closing(events), _logged_failure(session, events):
        if training.total == 0:
            write_start(session, events)
        if settings.transfer.backbone and not session.epochs:
            yield from first_stage(session, session.progress)
            _write_epochs(session)
            assert session.best_predictions is not None
            write_validation(session, events, session.best_predictions)
        saved = time.perf_counter()
        for epoch in _epochs(session):
            yield epoch
            if epoch.complete:
                record, made = _validate(session, epoch)
                _write_epochs(session)
                if _is_drawn(record.epoch) or _is_done(session):
                    write_validation(session, events, made)
                write_epoch(session, events, epoch, record)
                yield record
            if time.perf_counter() - saved >= settings.train.checkpoint_seconds:
                save_checkpoint(session)
                saved = time.perf_counter()
            if stop() and not _is_done(session):
                save_checkpoint(session)
                _log(session, "interrupted")
                yield _ended(session, "interrupted")
                return
        yield from second_stage(session)
        _finish(session)
        events.ended("finished", time=time.time())
    yield _ended(session, "finished")


def _epochs(session: Session) -> Iterator[Epoch]:
    """The passes that are still to be made."""
    if _is_done(session):
        return
    settings = session.settings
    loop = fit(
        session.training,
        session.batches,
        settings.train,
        schedule=settings.schedule,
        head=session.head,
        compute=session.compute,
    )
    for epoch in loop:
        yield epoch
        if _is_done(session):
            return


def _is_done(session: Session) -> bool:
    settings, training = session.settings.train, session.training
    transfer = session.settings.transfer
    if transfer.backbone and transfer.fine_tune == "off":
        return True
    if training.step == 0 and stops_early(session.epochs, settings.patience, settings.min_delta):
        return True
    return training.total >= settings.total_steps(len(session.batches))


def _is_drawn(epoch: int) -> bool:
    """Whether pictures of this validation are worth their time: often at first, later rarely."""
    return epoch <= _OFTEN or epoch % _OFTEN == 0


def _validate(session: Session, epoch: Epoch) -> tuple[EpochRecord, Predictions]:
    """Measure on the validation split, and keep the weights that are the best or asked for."""
    with averaged(session.training) as network:
        made = _validation_predictions(session, network)
        measured = measure(made)
        record = EpochRecord(
            epoch=epoch.number + 1,
            step=epoch.step,
            loss=epoch.loss,
            accuracy=epoch.accuracy,
            validation_loss=measured.nll,
            validation_accuracy=measured.accuracy,
            validation_n=measured.n,
            validation_interval=measured.interval,
            rate=epoch.rate,
            seconds=epoch.seconds,
            images_per_second=epoch.seen / epoch.seconds,
        )
        session.epochs.append(record)
        keep = session.settings.train.keep
        if kept_epoch(session.epochs, keep) == len(session.epochs) - 1:
            session.best = {name: value.clone() for name, value in network.state_dict().items()}
            session.best_predictions = made
        _keep_model(session, made)
    return record, made


def _validation_predictions(
    session: Session, network: nn.Module, *, temperature: float = 1.0
) -> Predictions:
    return predictions(
        network, session.validation, session.head, split=VALIDATION, temperature=temperature
    )


def _write_epochs(session: Session) -> None:
    lines = "".join(json.dumps(asdict(line)) + "\n" for line in session.epochs)
    storage.write_file(session.run.path / EPOCHS, lines.encode())


def _finish(session: Session) -> None:
    """Write the last checkpoint, the model file and the validation result."""
    save_checkpoint(session)
    network = session.training.network
    network.load_state_dict(session.best)
    made = session.best_predictions
    if made is None and session.settings.transfer.folds > 0:  # resumed after all was done
        made = load_predictions(session.run.predictions_file(HEAD))
    if made is None:
        made = _validation_predictions(session, network)
    if made.values is not None:  # the spread of its answers, which they are believed by
        made = _validation_predictions(session, network, temperature=_variance(made))
    _save_model(session, session.run.path / MODEL, made)
    made.save(session.run.predictions_file(VALIDATION))
    _log(session, "finished")
    # last, because a folder with it counts as finished
    storage.write_json(
        session.run.path / RESULT, {VALIDATION: {"role": "chosen on", **asdict(measure(made))}}
    )


def _variance(made: Predictions) -> float:
    """Of the errors of a model that tells a number; 1 for all others."""
    if made.values is None:
        return 1.0
    numbers = np.array([float(name) for name in made.class_names])
    return float(max(1e-6, np.mean((made.values - numbers[made.labels]) ** 2)))


def _keep_model(session: Session, made: Predictions) -> None:
    """Every so many epochs, a model file that stays, of the network that has `made` these."""
    every, epoch = session.settings.train.keep_models, session.epochs[-1].epoch
    if every and epoch % every == 0:
        path = session.run.epoch_model_path(epoch)
        storage.make_folder(path.parent)
        _save_model(session, path, made)


def _save_model(session: Session, path: Path, made: Predictions) -> None:
    """The network as it is now, which has `made` these, with all that is needed to use it."""
    settings, measured = session.settings, measure(made)
    card = {
        "source": settings.source,
        "recipe": settings.recipe,
        "seed": settings.seed,
        "data": session.identity["data"],
        "validation": {
            "accuracy": measured.accuracy,
            "n": measured.n,
            "interval": [measured.interval.low, measured.interval.high],
        },
    }
    classifier = Classifier(
        network=session.training.network,
        architecture=settings.model,
        shape=session.input_shape,
        class_names=session.dataset.class_names,
        preprocess=settings.preprocess,
        task=settings.train.task,
        temperature=_variance(made),
        card=card,
    )
    model_file.save(path, classifier)


def _ended(session: Session, state: Literal["finished", "interrupted"]) -> Ended:
    return Ended(
        run=session.run,
        config=session.settings,
        compute=session.compute,
        state=state,
        step=session.training.total,
        epochs=tuple(session.epochs),
        total_seconds=time.perf_counter() - session.began,
    )


@contextmanager
def _logged_failure(session: Session, events: EventFiles) -> Iterator[None]:
    """Say "failed" in the run log when the run fails for a reason that the user can act on."""
    try:
        yield
    except KenspeckleError:
        with suppress(
            RunError, StorageError
        ):  # on a full disk the log fails too, and the cause must be seen
            _log(session, "failed")
            events.ended("failed", time=time.time())
        raise


def _log(session: Session, status: str) -> None:
    settings, epochs = session.settings, session.epochs
    best = epochs[kept_epoch(epochs, settings.train.keep)] if epochs else None
    row = runlog.LogRow(
        run=session.run.name,
        started=session.started,
        source=settings.source,
        recipe=settings.recipe,
        seed=settings.seed,
        status=status,
        epochs=sum(epoch.epoch > 0 for epoch in epochs),
        train_seconds=sum(epoch.seconds for epoch in epochs),
        validation_accuracy=best.validation_accuracy if best else None,
        validation_n=best.validation_n if best else 0,
    )
    runlog.record(session.run.log_folder, row)
