"""The state of one process at work on one run: from settings, from a checkpoint, into one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from torch import Tensor, nn

from kenspeckle import checkpoint, config, model_file, storage
from kenspeckle.backbones import backbone
from kenspeckle.data.batches import Batches, steps_per_epoch
from kenspeckle.data.dataset import Dataset, concatenated
from kenspeckle.data.images import parts
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import Splits, draw
from kenspeckle.device import Compute, prepare
from kenspeckle.environment import differences, environment
from kenspeckle.errors import ConfigError
from kenspeckle.events import EpochRecord, epoch_record
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import Head, head_of
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import keep_statistics, learn_scaling, use_channels_last
from kenspeckle.optim import Optimizer
from kenspeckle.predictions import Predictions
from kenspeckle.run_folder import CHECKPOINTS, MODEL, Run
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
    steps = steps_per_epoch(len(train), settings.train.batch_size)
    batches = Batches(
        train,
        batch_size=settings.train.batch_size,
        seed=settings.seed,
        augmentation=settings.augment,
        augmented_steps=settings.augment.until * settings.train.total_steps(steps),
        shuffle_buffer=settings.train.shuffle_buffer,
        device=compute.torch_device,
    )
    network = build_model(
        settings.model,
        shape=shape_of(train),
        outputs=head.outputs,
        mean_image=settings.preprocess.scaling == "mean-image",
    )
    initialize(network, settings.initialization, seed=settings.seed)
    network.to(compute.torch_device)
    use_channels_last(network)
    if settings.transfer.backbone:
        keep_statistics(network)
    elif len(train) < 2 * steps:
        _refuse_single_pictures(network, len(train), settings.train.batch_size)
    if settings.preprocess.scaling != "unit":
        learn_scaling(network, parts(train.images))
    optimizer = Optimizer(
        dict(network.named_parameters()),
        settings.optimizer,
        layer_decay=settings.train.layer_decay,
    )
    return Session(
        run=run,
        settings=settings,
        compute=compute,
        dataset=data,
        head=head,
        splits=splits,
        batches=batches,
        validation=dataset_views(data.take(splits.validation), settings.preprocess),
        began=began,
        progress=progress,
        training=Training(network=network, optimizer=optimizer),
        identity={
            "configuration": hashlib.sha256(config.dumps(settings).encode()).hexdigest(),
            "data": data.fingerprint,
        },
    )


def _refuse_single_pictures(network: nn.Module, count: int, batch_size: int) -> None:
    """Raise `ConfigError` where a batch norm would have to normalise a batch of one."""
    if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules()):
        raise ConfigError(
            f"train.batch_size={batch_size} makes batches of one of {count} training pictures, "
            "which batch norm cannot learn from; use a larger one, or model.norm=none"
        )


def begin(session: Session) -> None:
    """Start from another model, if `start` names one: its weights and its scaling.

    Or from a pretrained network, if `transfer.backbone` names one. A last layer for other classes
    stays new. Raises `ConfigError` where the two networks are of different architectures.
    """
    settings, network = session.settings, session.training.network
    if settings.transfer.backbone:
        own = network.state_dict()
        for name, value in backbone(settings.transfer.backbone).network.state_dict().items():
            own[name].copy_(value)
    if not settings.start:
        return
    path = Path(settings.start)
    classifier = model_file.load(path / MODEL if path.is_dir() else path)
    own, others = network.state_dict(), classifier.network.state_dict()
    new_head = {name for name in own if name.startswith("head.")}
    wrong = sorted(
        name
        for name in own.keys() | others.keys()
        if name not in new_head
        and (name not in own or name not in others or own[name].shape != others[name].shape)
    )
    if wrong:
        raise ConfigError(
            f"{settings.start} is no start for this network: {wrong[0]} differs; "
            "use the [model] and [preprocess] settings of the run that it comes from"
        )
    kept = [name for name in new_head if own[name].shape == others[name].shape]
    for name in [*(own.keys() - new_head), *(kept if len(kept) == len(new_head) else [])]:
        own[name].copy_(others[name])


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


def shape_of(dataset: Dataset) -> tuple[int, int, int]:
    """(C, H, W) of its pictures."""
    _, height, width, channels = dataset.images.shape
    return channels, height, width
