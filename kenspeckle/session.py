"""The state of one process at work on one run: from settings, from a checkpoint, into one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from torch import Tensor

from kenspeckle import checkpoint, config, storage
from kenspeckle.data.batches import Batches
from kenspeckle.data.dataset import Dataset, concatenated
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import Splits, draw
from kenspeckle.device import Compute, prepare
from kenspeckle.environment import differences, environment
from kenspeckle.events import EpochRecord, epoch_record
from kenspeckle.models.heads import Head, head_of
from kenspeckle.outset import set_out, shape_of, take_weights
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
    dataset: Dataset  # all of it, as it was read
    head: Head
    splits: Splits
    batches: Batches
    validation: list[Dataset]  # once for each view of its pictures, in the size of the input
    training: Training
    identity: dict[str, str]  # of the checkpoints
    progress: Progress | None  # hears of what goes on before the first step
    began: float  # `time.perf_counter()` before the data was read
    epochs: list[EpochRecord] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch so far
    best_predictions: Predictions | None = None  # of these weights, on the validation split
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    saved_step: int = -1  # of the newest checkpoint

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the network takes."""
        return shape_of(self.validation[0])


def open_session(
    run: Run,
    settings: RunConfig,
    compute: Compute,
    data: Dataset,
    *,
    began: float,
    progress: Progress | None = None,
) -> Session:
    """Data, network and optimizer at step 0, for `settings` in which nothing is "auto"."""
    prepare(compute)
    splits = draw(data, settings.splits)
    train = concatenated(dataset_views(data.take(splits.train), settings.preprocess))
    head = head_of(settings.train.task, data.class_names)
    outset = set_out(train, settings, head=head, compute=compute)
    return Session(
        run=run,
        settings=settings,
        compute=compute,
        dataset=data,
        head=head,
        splits=splits,
        batches=outset.batches,
        validation=dataset_views(data.take(splits.validation), settings.preprocess),
        began=began,
        progress=progress,
        training=outset.training,
        identity={
            "configuration": hashlib.sha256(config.dumps(settings).encode()).hexdigest(),
            "data": data.fingerprint,
        },
    )


def begin(session: Session) -> None:
    """Start from another model or a pretrained network, if the settings name one."""
    take_weights(session.training.network, session.settings)


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
        begin(session)
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
