"""Conduct one run to its end: the loop, validation, checkpoints and records.

Whatever happens, the folder stays one from which the run can go on: every file is replaced whole,
and a checkpoint carries everything that the loop changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, replace
from typing import Literal

from kenspeckle import runlog, storage
from kenspeckle.cross_validation import close_fold, epochs_to_keep, fold_epochs, tell_fold, whole
from kenspeckle.errors import KenspeckleError, NonFiniteError, RunError, StorageError
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.evaluation.metrics import accuracy_of
from kenspeckle.evaluation.temperature import Temperature
from kenspeckle.event_files import EventFiles
from kenspeckle.events import Ended, EpochRecord, Event, Started, kept_epoch, stops_early
from kenspeckle.finishing import keep_model, validated, write_model, write_result
from kenspeckle.interruption import uninterrupted
from kenspeckle.monitoring import write_epoch, write_start, write_validation
from kenspeckle.predictions import Predictions
from kenspeckle.run_folder import EPOCHS, FAILURE, FOLDS, TENSORBOARD
from kenspeckle.session import Session, save_checkpoint
from kenspeckle.training import Epoch, Waiting, averaged
from kenspeckle.transfer import first_stage, second_stage

_OFTEN = 10  # epochs


def work(session: Session, stop: Callable[[], bool], notes: list[str]) -> Iterator[Event]:
    """Train to the end, or until `stop()`; save, validate and record on the way.

    `stop` is asked after each step, and between the stages on a pretrained network.
    """
    settings, training = session.settings, session.training
    parameters = sum(parameter.numel() for parameter in training.network.parameters())
    by_folds = settings.splits.folds > 0
    with ExitStack() as stack:
        stack.enter_context(_logged_failure(session))
        _log(session, "training")
        yield Started(
            run=session.run,
            config=settings,
            compute=session.compute,
            parameters=parameters,
            train_n=len(session.members) if by_folds else len(session.batches.labels),
            validation_n=len(session.members if by_folds else session.splits.validation),
            step=session.step,
            folds_done=session.fold - 1 if session.fold else len(session.folds),
            notes=tuple(notes),
        )
        folder, first_step = session.run.path / TENSORBOARD, 0 if session.fold else training.total
        events = stack.enter_context(closing(EventFiles(folder, first_step=first_step)))
        stack.enter_context(_told(events))
        if training.total == 0 and not session.fold:
            write_start(session, events)
        if settings.transfer.backbone and not session.epochs:
            yield from first_stage(session, session.progress)
            _write_epochs(session)
            assert session.best_predictions is not None
            write_validation(session, events, session.best_predictions)
            if stop() and not _is_done(session):
                yield _interrupted(session)
                return
        is_whole = yield from _train(session, events, stop)
        while is_whole and session.fold:
            yield close_fold(session)
            if not session.fold:
                write_start(session, events)
            is_whole = yield from _train(session, events, stop)
        if not is_whole:
            yield _interrupted(session)
            return
        yield from second_stage(session)
        save_checkpoint(session)
        temperature = write_model(session)
        _log(session, "finished")
        write_result(session, temperature)
        events.ended("finished", time=time.time())
    yield _ended(session, "finished", temperature)


def _train(
    session: Session, events: EventFiles, stop: Callable[[], bool]
) -> Generator[Event, None, bool]:
    """Train the present network to its end, or until `stop()`; say whether it was the end."""
    for epoch in _epochs(session):
        if isinstance(epoch, Waiting):
            yield epoch
            continue
        yield replace(epoch, step=session.base + epoch.step, total_steps=whole(session))
        if epoch.complete:
            record, made = _validate(session, epoch)
            _write_epochs(session)
            if not session.fold:
                if _is_drawn(record.epoch) or _is_done(session):
                    write_validation(session, events, made)
                write_epoch(session, events, epoch, record)
            yield record
        if time.perf_counter() - session.saved_at >= session.settings.train.checkpoint_seconds:
            save_checkpoint(session)
        if stop() and not _is_done(session):
            return False
    return True


def _epochs(session: Session) -> Iterator[Epoch | Waiting]:
    """The passes that are still to be made."""
    if _is_done(session):
        return
    settings = session.settings
    loop = session.loop(
        session.training,
        session.batches,
        settings.train,
        schedule=settings.schedule,
        head=session.head,
        compute=session.compute,
    )
    with closing(loop):
        for epoch in loop:
            yield epoch
            if isinstance(epoch, Epoch) and _is_done(session):
                return


def _is_done(session: Session) -> bool:
    settings, training = session.settings.train, session.training
    transfer = session.settings.transfer
    if transfer.backbone and transfer.fine_tune == "off":
        return True
    if training.total >= session.planned:
        return True
    if training.step:
        return False
    if session.fold_of is not None and not session.fold:
        return training.epoch >= epochs_to_keep(session)
    return stops_early(session.history, settings.patience, settings.min_delta)


def _is_drawn(epoch: int) -> bool:
    """Whether pictures of this validation are worth their time: often at first, later rarely."""
    return epoch <= _OFTEN or epoch % _OFTEN == 0


def _validate(session: Session, epoch: Epoch) -> tuple[EpochRecord, Predictions]:
    """Measure on what validates, and keep the weights that are the best or asked for."""
    with averaged(session.training) as network:
        made = tell_fold(session) if session.fold else validated(session, epoch.number + 1)
        measured = measure(made)
        record = EpochRecord(
            epoch=epoch.number + 1,
            step=epoch.step,
            loss=epoch.loss,
            accuracy=epoch.accuracy,
            validation_loss=measured.nll,
            validation_accuracy=measured.accuracy,
            validation_n=measured.n,
            validation_interval=accuracy_of(made, groups=session.told_groups).interval,
            rate=epoch.rate,
            seconds=epoch.seconds,
            images_per_second=epoch.seen / epoch.seconds,
            fold=session.fold,
        )
        session.history.append(record)
        if session.fold:
            return record, made
        if kept_epoch(session.epochs, session.settings.keep) == len(session.epochs) - 1:
            session.best = {name: value.clone() for name, value in network.state_dict().items()}
            session.best_predictions = made
        keep_model(session, made)
    return record, made


def _write_epochs(session: Session) -> None:
    name, epochs = (FOLDS, fold_epochs(session)) if session.fold else (EPOCHS, session.epochs)
    lines = "".join(json.dumps(asdict(line)) + "\n" for line in epochs)
    storage.write_file(session.run.path / name, lines.encode())


def _interrupted(session: Session) -> Ended:
    save_checkpoint(session)
    _log(session, "interrupted")
    return _ended(session, "interrupted")


def _ended(
    session: Session,
    state: Literal["finished", "interrupted"],
    temperature: Temperature | None = None,
) -> Ended:
    return Ended(
        run=session.run,
        config=session.settings,
        compute=session.compute,
        state=state,
        step=session.step,
        epochs=tuple(session.epochs),
        fold_epochs=fold_epochs(session),
        total_seconds=time.perf_counter() - session.began,
        temperature=temperature,
    )


@contextmanager
def _told(events: EventFiles) -> Iterator[None]:
    """Tell TensorBoard how the run ended."""
    try:
        yield
    except KenspeckleError:
        with suppress(StorageError):  # on a full disk this fails too, and the cause must be seen
            events.ended("failed", time=time.time())
        raise


@contextmanager
def _logged_failure(session: Session) -> Iterator[None]:
    """Say "failed" in the run log when the run fails for a reason that the user can act on."""
    try:
        yield
    except (KenspeckleError, KeyboardInterrupt) as error:
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        # on a full disk the log fails too, and the cause must be seen
        with suppress(RunError, StorageError), uninterrupted():
            _log(session, status)
            if isinstance(error, NonFiniteError):
                storage.write_json(
                    session.run.path / FAILURE, {"error": str(error), "step": session.step}
                )
        raise


def _log(session: Session, status: str) -> None:
    settings, epochs = session.settings, session.epochs
    best = epochs[kept_epoch(epochs, settings.keep)] if epochs else None
    row = runlog.LogRow(
        run=session.run.name,
        started=session.started,
        source=settings.source,
        recipe=settings.recipe,
        seed=settings.seed,
        status=status,
        epochs=sum(epoch.epoch > 0 for epoch in epochs),
        train_seconds=sum(epoch.seconds for epoch in (*fold_epochs(session), *epochs)),
        validation_accuracy=best.validation_accuracy if best else None,
        validation_n=best.validation_n if best else 0,
    )
    runlog.record(session.run.log_folder, row)
