"""The state of one process at work on one run: from settings, from a checkpoint, into one."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kenspeckle import checkpoint, config, storage
from kenspeckle.course import Course, open_course, take_weights
from kenspeckle.data.batches import Batches
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.splits import Splits, draw, folds_of, groups_of, members_of
from kenspeckle.device import Compute, prepare
from kenspeckle.environment import differences, environment
from kenspeckle.errors import CheckpointError
from kenspeckle.events import EpochRecord, epoch_record
from kenspeckle.models.heads import Head, head_of
from kenspeckle.predictions import Predictions
from kenspeckle.run_folder import CHECKPOINTS, Run
from kenspeckle.settings import RunConfig
from kenspeckle.training import Loop, Training, fit, restore, tensors

# of `Training`, what a checkpoint keeps beside tensors and losses
_COUNTS: dict[str, type] = {
    "epoch": int,
    "step": int,
    "total": int,
    "correct": int,
    "seen": int,
    "seconds": float,
}


@dataclass(kw_only=True)
class Told:
    """What networks that have not seen a fold said of it, one after each epoch."""

    total: int  # updates, if nothing stops the training early
    epochs: list[EpochRecord] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)  # for each epoch (views, n, outputs)


@dataclass(kw_only=True)
class Session:
    """All that one process knows of the run that it works on."""

    run: Run
    settings: RunConfig
    compute: Compute
    dataset: Dataset  # all of it, as it was read
    head: Head
    splits: Splits
    members: NDArray[np.int64]  # all items outside the test split
    fold_of: NDArray[np.int64] | None  # of each member, from 0; None where a split validates
    fold: int  # that the present network is not shown, from 1; 0 = it is the one that is kept
    course: Course
    identity: dict[str, str]  # of the checkpoints
    progress: Progress | None  # hears of what goes on before the first step
    began: float  # `time.perf_counter()` before the data was read
    loop: Loop = fit
    folds: list[Told] = field(default_factory=list)  # those that are done, and the present one
    epochs: list[EpochRecord] = field(default_factory=list)  # of the network that is kept
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the best epoch so far
    best_predictions: Predictions | None = None  # of these weights, on the validation split
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    saved_step: int = -1  # of the newest checkpoint
    saved_at: float = field(default_factory=time.perf_counter)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the network takes."""
        return self.course.input_shape

    @property
    def training(self) -> Training:
        """Of the present network."""
        return self.course.training

    @property
    def batches(self) -> Batches:
        """That the present network learns from."""
        return self.course.batches

    @property
    def told_groups(self) -> NDArray[np.int64]:
        """Of the items that the present network is measured on, (n,)."""
        if self.fold_of is not None and self.fold:
            items = self.members[self.fold_of == self.fold - 1]
        else:
            items = self.members if self.settings.splits.folds > 0 else self.splits.validation
        found: NDArray[np.int64] = self._groups[items]
        return found

    @cached_property
    def _groups(self) -> NDArray[np.int64]:
        return groups_of(self.dataset)

    @property
    def history(self) -> list[EpochRecord]:
        """The epochs of the present network."""
        return self.folds[-1].epochs if self.fold else self.epochs

    @property
    def planned(self) -> int:
        """Updates of the present network, if nothing stops it early."""
        return self.settings.train.total_steps(len(self.batches))

    @property
    def base(self) -> int:
        """Updates that networks before the present one were given."""
        done = self.folds[: self.fold - 1] if self.fold else self.folds
        return sum(told.epochs[-1].step for told in done)

    @property
    def step(self) -> int:
        """Updates since the beginning, of all networks."""
        return self.base + self.training.total


def open_session(
    run: Run,
    settings: RunConfig,
    compute: Compute,
    data: Dataset,
    *,
    began: float,
    progress: Progress | None = None,
    loop: Loop = fit,
) -> Session:
    """Data, network and optimizer at step 0, for `settings` in which nothing is "auto"."""
    prepare(compute)
    splits = draw(data, settings.splits)
    members = members_of(splits)
    fold_of = None
    if settings.splits.folds > 0 and not settings.transfer.backbone:
        fold_of = folds_of(data, members, settings.splits.folds)
    first = 0 if fold_of is None else 1
    learned, validated = splits.train, splits.validation
    if fold_of is not None:
        learned, validated = members[fold_of != 0], members[fold_of == 0]
    course = open_course(settings, compute, data, learned, validated)
    session = Session(
        run=run,
        settings=settings,
        compute=compute,
        dataset=data,
        head=head_of(settings.train.task, data.class_names),
        splits=splits,
        members=members,
        fold_of=fold_of,
        fold=first,
        course=course,
        began=began,
        loop=loop,
        progress=progress,
        identity={
            "configuration": hashlib.sha256(config.dumps(settings).encode()).hexdigest(),
            "data": data.fingerprint,
        },
    )
    if first:
        session.folds.append(Told(total=session.planned))
    return session


def enter(session: Session, fold: int) -> None:
    """Begin the network that is not shown `fold`, from 1; with 0 the one that is kept."""
    assert session.fold_of is not None
    held = session.fold_of == fold - 1
    session.course = open_course(
        session.settings,
        session.compute,
        session.dataset,
        session.members[~held],
        session.members[held],
    )
    session.fold = fold
    if fold:
        session.folds.append(Told(total=session.planned))


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
    try:
        _put_back(session, loaded.snapshot)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        place = folder / f"step-{loaded.snapshot.step:08d}"
        why = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{place}: whole, but not as this run would have written it ({why}); "
            "restore one from a backup or train anew with another --out"
        ) from error
    snapshot = loaded.snapshot
    notes += [f"{line}: using the checkpoint before it" for line in loaded.passed_over]
    return [*notes, f"going on from the checkpoint of step {snapshot.step}"]


def _put_back(session: Session, snapshot: checkpoint.Snapshot) -> None:
    """Make `session` what it was when the snapshot was taken."""
    _restore_folds(session, snapshot)
    restore(session.training, snapshot.tensors)
    session.best = dict(snapshot.tensors["best"])
    shapes = {name: value.shape for name, value in session.training.network.state_dict().items()}
    if session.best and {name: value.shape for name, value in session.best.items()} != shapes:
        raise ValueError("its best weights are of another network")
    session.epochs = [epoch_record(line) for line in snapshot.state["epochs"]]
    session.started = str(snapshot.state["started"])
    said = snapshot.state["training"]
    for name, kind in _COUNTS.items():
        if type(said[name]) is not kind or not 0 <= float(said[name]) < 1 << 62:
            raise ValueError(f"{name} is {said[name]!r}")
        setattr(session.training, name, said[name])
    session.training.losses = [float(value) for value in said["losses"]]
    session.saved_step = snapshot.step


def _restore_folds(session: Session, snapshot: checkpoint.Snapshot) -> None:
    """What was told of the folds, and the network at work when the checkpoint was written."""
    fold = snapshot.state["fold"]
    folds = 0 if session.fold_of is None else session.settings.splits.folds
    if type(fold) is not int or not 0 <= fold <= folds:
        raise ValueError(f"fold is {fold!r}")
    if fold != session.fold:
        enter(session, fold)
    session.folds = [
        Told(
            total=told["total"],
            epochs=[epoch_record(line) for line in told["epochs"]],
            outputs=list(snapshot.tensors["told"].get(str(number), [])),
        )
        for number, told in enumerate(snapshot.state["folds"], start=1)
    ]


def save_checkpoint(session: Session) -> None:
    """Write the present state durably, unless it is there already."""
    training = session.training
    session.saved_at = time.perf_counter()
    if session.step == session.saved_step:
        return
    told = {
        str(number): torch.stack(told.outputs)
        for number, told in enumerate(session.folds, start=1)
        if told.outputs
    }
    snapshot = checkpoint.Snapshot(
        step=session.step,
        tensors={**tensors(training), "best": session.best, "told": told},
        state={
            "fold": session.fold,
            "folds": [
                {"total": told.total, "epochs": [asdict(epoch) for epoch in told.epochs]}
                for told in session.folds
            ],
            "training": {name: getattr(training, name) for name in (*_COUNTS, "losses")},
            "epochs": [asdict(epoch) for epoch in session.epochs],
            "started": session.started,
        },
    )
    folder = session.run.path / CHECKPOINTS
    storage.make_folder(folder)
    checkpoint.save(
        folder, snapshot, identity=session.identity, keep=session.settings.train.keep_checkpoints
    )
    session.saved_step = session.step
