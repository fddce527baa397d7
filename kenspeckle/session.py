"""The state of one process at work on one run: from settings, from a checkpoint, into one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from torch import Tensor

from kenspeckle import checkpoint, config, storage
from kenspeckle.data.batches import Batches, steps_per_epoch
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import resize_dataset
from kenspeckle.data.splits import Splits, draw
from kenspeckle.device import Compute, prepare
from kenspeckle.environment import differences, environment
from kenspeckle.events import EpochRecord, epoch_record
from kenspeckle.models.families import build_model
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import Scale, use_channels_last
from kenspeckle.optim import Optimizer
from kenspeckle.predictions import Predictions
from kenspeckle.run_folder import CHECKPOINTS, Run
from kenspeckle.settings import RunConfig
from kenspeckle.training import Training, restore, tensors


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
    began: float  # `time.perf_counter()` before the data was read
    epochs: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch so far
    best_predictions: Predictions | None = None  # of these weights, on the validation split
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    saved_step: int = -1  # of the newest checkpoint


def open_session(
    run: Run, settings: RunConfig, compute: Compute, data: Dataset, *, began: float
) -> Session:
    """Data, network and optimizer at step 0, for `settings` in which nothing is "auto"."""
    prepare(compute)
    dataset = resize_dataset(data, settings.preprocess)
    splits = draw(data, settings.splits)
    train = dataset.take(splits.train)
    steps = steps_per_epoch(len(train), settings.train.batch_size)
    batches = Batches(
        train,
        batch_size=settings.train.batch_size,
        seed=settings.seed,
        augmentation=settings.augment,
        augmented_steps=settings.augment.until * settings.train.total_steps(steps),
        device=compute.torch_device,
    )
    network = build_model(settings.model, shape=shape_of(dataset), classes=len(data.class_names))
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
    storage.make_folder(folder)
    checkpoint.save(
        folder, snapshot, identity=session.identity, keep=session.settings.train.keep_checkpoints
    )
    session.saved_step = training.total


def shape_of(dataset: Dataset) -> tuple[int, int, int]:
    """(C, H, W) of its pictures."""
    _, height, width, channels = dataset.images.shape
    return channels, height, width
