"""One process at work on one run: its data, its loop, its checkpoints and its records.

Whatever happens, the folder stays one from which the run can go on: every file is replaced whole,
and a checkpoint carries everything that the loop changes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal

from torch import Tensor

from kenspeckle import checkpoint, config, model_file, runlog, storage
from kenspeckle.data.batches import Batches
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import resize_dataset
from kenspeckle.data.splits import VALIDATION, Splits, draw
from kenspeckle.device import Compute, prepare
from kenspeckle.environment import differences, environment
from kenspeckle.errors import KenspeckleError
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.event_files import EventFiles
from kenspeckle.events import (
    Ended,
    EpochRecord,
    Event,
    Started,
    best_epoch,
    epoch_record,
    stops_early,
)
from kenspeckle.inference import predictions
from kenspeckle.model_file import Classifier
from kenspeckle.models.families import build_model
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import Scale, use_channels_last
from kenspeckle.optim import Optimizer
from kenspeckle.predictions import Predictions
from kenspeckle.run_folder import CHECKPOINTS, EPOCHS, MODEL, RESULT, TENSORBOARD, Run
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch, Training, averaged, fit, restore, tensors


@dataclass(kw_only=True)
class Session:
    """What the functions of this module share."""

    run: Run
    settings: RunConfig
    compute: Compute
    dataset: Dataset  # all of it, in the size of the network's input
    splits: Splits
    batches: Batches
    validation: Dataset
    training: Training
    identity: dict[str, str]  # of the checkpoints
    began: float  # perf_counter
    epochs: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch so far
    best_predictions: Predictions | None = None  # of these weights, on the validation split
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    saved_step: int = -1  # of the newest checkpoint


def open_session(run: Run, settings: RunConfig, compute: Compute, data: Dataset) -> Session:
    """Data, network and optimizer at step 0, for `settings` in which nothing is "auto"."""
    began = time.perf_counter()
    prepare(compute)
    dataset = resize_dataset(data, settings.preprocess)
    splits = draw(data, settings.splits)
    train = dataset.take(splits.train)
    batches = Batches(
        train,
        batch_size=settings.train.batch_size,
        seed=settings.seed,
        augmentation=settings.augment,
        device=compute.torch_device,
    )
    network = build_model(settings.model, shape=_shape(dataset), classes=len(data.class_names))
    initialize(network, settings.initialization, seed=settings.seed)
    network.to(compute.torch_device)
    use_channels_last(network)
    if settings.preprocess.scaling == "standard":
        for scale in (module for module in network.modules() if isinstance(module, Scale)):
            scale.learn(batches.images)
    return Session(
        run=run,
        settings=settings,
        compute=compute,
        dataset=dataset,
        splits=splits,
        batches=batches,
        validation=dataset.take(splits.validation),
        began=began,
        training=Training(network=network, optimizer=Optimizer(network, settings.optimizer)),
        identity={
            "configuration": hashlib.sha256(config.dumps(settings).encode()).hexdigest(),
            "data": data.fingerprint,
        },
    )


def restore_session(session: Session) -> list[str]:
    """Go back to the newest whole checkpoint; return what the user should know about it."""
    folder = session.run.path / CHECKPOINTS
    now = environment(session.compute)
    notes = [
        f"this machine is not the one that began the run ({line}): expect the same statistics, "
        "not the same bits"
        for line in differences(session.run.environment, now)
    ]
    loaded = checkpoint.load_newest(folder, identity=session.identity)
    if loaded is None:
        return [*notes, "no checkpoint had been written yet: starting at step 0"]
    snapshot = loaded.snapshot
    restore(session.training, snapshot.tensors)
    session.best = dict(snapshot.tensors["best"])
    session.epochs = [epoch_record(line) for line in snapshot.state["epochs"]]
    session.started = snapshot.state["started"]
    for name, value in snapshot.state["training"].items():
        setattr(session.training, name, value)
    session.saved_step = snapshot.step
    notes += [f"{line}: using the checkpoint before it" for line in loaded.passed_over]
    return [*notes, f"going on from the checkpoint of step {snapshot.step}"]


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
        validation_n=len(session.validation),
        step=training.total,
        notes=tuple(notes),
    )
    events = EventFiles(session.run.path / TENSORBOARD, first_step=training.total)
    with closing(events), _logged_failure(session):
        saved = time.perf_counter()
        for epoch in _epochs(session):
            yield epoch
            if epoch.complete:
                record = _validate(session, epoch)
                _write_epochs(session, events, epoch, record)
                yield record
            if time.perf_counter() - saved >= settings.train.checkpoint_seconds:
                save_checkpoint(session)
                saved = time.perf_counter()
            if stop() and not _is_done(session):
                save_checkpoint(session)
                _log(session, "interrupted")
                yield _ended(session, "interrupted")
                return
        _finish(session)
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
        rate=settings.optimizer.rate,
        compute=session.compute,
    )
    for epoch in loop:
        yield epoch
        if _is_done(session):
            return


def _is_done(session: Session) -> bool:
    settings, training = session.settings.train, session.training
    if training.step == 0 and stops_early(session.epochs, settings.patience, settings.min_delta):
        return True
    return training.total >= settings.total_steps(len(session.batches))


def save_checkpoint(session: Session) -> None:
    """Write the present state durably, unless it is there already."""
    training = session.training
    if training.total == session.saved_step:
        return
    names = ("epoch", "step", "total", "losses", "correct", "seen", "seconds")
    snapshot = checkpoint.Snapshot(
        step=training.total,
        tensors={**tensors(training), "best": session.best},
        state={
            "training": {name: getattr(training, name) for name in names},
            "epochs": [asdict(epoch) for epoch in session.epochs],
            "started": session.started,
        },
    )
    folder = session.run.path / CHECKPOINTS
    folder.mkdir(exist_ok=True)
    checkpoint.save(
        folder, snapshot, identity=session.identity, keep=session.settings.train.keep_checkpoints
    )
    session.saved_step = training.total


def _validate(session: Session, epoch: Epoch) -> EpochRecord:
    """Measure on the validation split, and keep the weights if they are the best so far."""
    with averaged(session.training) as network:
        made = predictions(network, session.validation, split=VALIDATION)
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
        if best_epoch(session.epochs) == len(session.epochs) - 1:
            session.best = {name: value.clone() for name, value in network.state_dict().items()}
            session.best_predictions = made
    return record


def _write_epochs(session: Session, events: EventFiles, epoch: Epoch, record: EpochRecord) -> None:
    lines = "".join(json.dumps(asdict(line)) + "\n" for line in session.epochs)
    storage.write_file(session.run.path / EPOCHS, lines.encode())
    now = time.time()
    first = epoch.step - len(epoch.losses) + 1
    for step, loss in enumerate(epoch.losses, start=first):
        events.scalars("train", step, {"loss per step": loss}, time=now)
    events.scalars(
        "train",
        epoch.step,
        {"loss": record.loss, "accuracy": record.accuracy, "rate": record.rate},
        time=now,
    )
    events.scalars(
        "validation",
        epoch.step,
        {"loss": record.validation_loss, "accuracy": record.validation_accuracy},
        time=now,
    )
    events.flush()


def _finish(session: Session) -> None:
    """Write the last checkpoint, the model file and the validation result."""
    save_checkpoint(session)
    network = session.training.network
    network.load_state_dict(session.best)
    made = session.best_predictions or predictions(network, session.validation, split=VALIDATION)
    measured = measure(made)
    settings = session.settings
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
        network=network,
        architecture=settings.model,
        shape=_shape(session.dataset),
        class_names=session.dataset.class_names,
        preprocess=settings.preprocess,
        card=card,
    )
    model_file.save(session.run.path / MODEL, classifier)
    made.save(session.run.predictions_file(VALIDATION))
    # last, because a folder with it counts as finished
    storage.write_json(
        session.run.path / RESULT, {VALIDATION: {"role": "chosen on", **asdict(measured)}}
    )
    _log(session, "finished")


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


def _shape(dataset: Dataset) -> tuple[int, int, int]:
    _, height, width, channels = dataset.images.shape
    return channels, height, width


@contextmanager
def _logged_failure(session: Session) -> Iterator[None]:
    """Say "failed" in the run log when the run fails for a reason that the user can act on."""
    try:
        yield
    except KenspeckleError:
        _log(session, "failed")
        raise


def _log(session: Session, status: str) -> None:
    settings, epochs = session.settings, session.epochs
    best = epochs[best_epoch(epochs)] if epochs else None
    row = runlog.LogRow(
        run=session.run.path.name,
        started=session.started,
        source=settings.source,
        recipe=settings.recipe,
        seed=settings.seed,
        status=status,
        epochs=len(epochs),
        train_seconds=sum(epoch.seconds for epoch in epochs),
        validation_accuracy=best.validation_accuracy if best else None,
        validation_n=best.validation_n if best else 0,
    )
    runlog.record(session.run.path.parent, row)
