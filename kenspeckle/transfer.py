"""Training on top of a pretrained network: a linear head in seconds, then fine-tuning if it helps.

Features of all pictures are computed once and kept; the head on them is as good as its
regularisation, which cross-validation chooses.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from kenspeckle import storage
from kenspeckle.backbones import backbone
from kenspeckle.data.picture_cache import Progress, cache_folder
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import VALIDATION, groups_of, members_of
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.evaluation.difference import paired_difference
from kenspeckle.evaluation.linear_head import LinearHead, fit_linear_head
from kenspeckle.evaluation.metrics import accuracy_of
from kenspeckle.events import EpochRecord, Stage, kept_epoch
from kenspeckle.features import features
from kenspeckle.folds import FOLDS
from kenspeckle.inference import predictions
from kenspeckle.models.backbone import Backbone
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.session import Session

HEAD = "head"  # the name of its predictions in the run


def first_stage(session: Session, progress: Progress | None) -> Iterator[EpochRecord | Stage]:
    """Fit the last layer on features; it becomes the best model so far."""
    began = time.perf_counter()
    settings, splits = session.settings, session.splits
    source = backbone(settings.transfer.backbone)
    folds = settings.splits.folds
    members = members_of(splits) if folds else splits.train
    found = _features(session, source, members, progress)
    labels = session.dataset.labels[members]
    # its matrices are small: two threads gain nothing, and wait for each other on a busy machine
    with threadpool_limits(1):
        head = fit_linear_head(
            found,
            labels,
            classes=len(session.dataset.class_names),
            groups=groups_of(session.dataset)[members],
            folds=folds or FOLDS,
            class_weights="balanced" if settings.train.balance == "classes" else "equal",
            progress=partial(progress, "fitting the head") if progress else None,
        )
    network = session.training.network
    state = network.state_dict()
    state["head.weight"].copy_(torch.from_numpy(head.weights))
    state["head.bias"].copy_(torch.from_numpy(head.bias))
    made = _out_of_fold(session, head, members) if folds else _validated(session)
    session.best = {name: value.clone() for name, value in network.state_dict().items()}
    session.best_predictions = made
    made.save(session.run.predictions_file(HEAD))
    measured = measure(made)
    interval = accuracy_of(made, groups=session.told_groups).interval
    seconds = time.perf_counter() - began
    logits = found.astype(np.float64) @ head.weights.T + head.bias
    own = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    record = EpochRecord(
        epoch=0,
        step=0,
        loss=float(-own.mean()),
        accuracy=float((logits.argmax(axis=1) == labels).mean()),
        validation_loss=measured.nll,
        validation_accuracy=measured.accuracy,
        validation_n=measured.n,
        validation_interval=interval,
        rate=0.0,
        seconds=seconds,
        images_per_second=len(members) / seconds,
    )
    session.epochs.append(record)
    yield record
    most = int(np.bincount(session.dataset.labels[splits.train]).argmax())
    yield Stage(
        name="head",
        about=f"{found.shape[1]:,} features of {source.about}; penalty {head.strength:g}, the best "
        f"of {len(head.scores)} by {folds or FOLDS} folds",
        accuracy=measured.accuracy,
        interval=interval,
        n=measured.n,
        gain=paired_difference(made.labels == most, made.predicted == made.labels),
        over=f"always saying {session.dataset.class_names[most]}",
        seconds=seconds,
    )


def _validated(session: Session) -> Predictions:
    return predictions(
        session.training.network, session.course.validation, session.head, split=VALIDATION
    )


def _out_of_fold(session: Session, head: LinearHead, members: NDArray[np.int64]) -> Predictions:
    """What heads said of pictures that they were not fitted on."""
    return Predictions(
        probabilities=head.probabilities,
        labels=session.dataset.labels[members],
        class_names=session.dataset.class_names,
        split=VALIDATION,
    )


def _features(
    session: Session, source: Backbone, members: NDArray[np.int64], progress: Progress | None
) -> NDArray[np.float32]:
    """(n, D) of the items `members`, computed once for the same pictures and weights."""
    settings, compute = session.settings, session.compute
    key = hashlib.sha256()
    for part in (
        session.dataset.fingerprint,
        source.digest,
        repr(settings.preprocess),
        compute.precision,
    ):
        key.update(part.encode())
    key.update(members.tobytes())
    path = cache_folder().parent / "features" / f"{key.hexdigest()[:32]}.npy"
    kept = _read(path, len(members))
    if kept is not None:
        return kept
    (view,) = dataset_views(session.dataset.take(members), settings.preprocess)

    def heard(done: int, total: int) -> None:
        if progress:
            progress(f"features of {source.about.partition(',')[0]}", done, total)

    found = features(source, view.images, compute, progress=heard)
    storage.make_folder(path.parent)
    buffer = io.BytesIO()
    np.save(buffer, found, allow_pickle=False)
    storage.write_file(path, buffer.getvalue())
    return found


def _read(path: Path, count: int) -> NDArray[np.float32] | None:
    """Features that were kept; None where there are none that can be used."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_right = found.ndim == 2 and found.dtype == np.float32 and len(found) == count
    return found if is_right and np.isfinite(found).all() else None


def second_stage(session: Session) -> Iterator[Stage]:
    """Say what fine-tuning brought, once it is over; nothing where there was none."""
    first, others = session.epochs[0], session.epochs[1:]
    if first.epoch != 0 or not others:
        return
    kept = session.epochs[kept_epoch(session.epochs, session.settings.keep)]
    best = max(others, key=lambda epoch: epoch.validation_accuracy)
    head = load_predictions(session.run.predictions_file(HEAD))
    session.training.network.load_state_dict(session.best)
    made = session.best_predictions or _validated(session)
    helped = kept.epoch > 0
    yield Stage(
        name="fine-tuning",
        about=f"the weights of epoch {kept.epoch} are kept"
        if helped
        else f"no better, {best.validation_accuracy:.2%} at best: the head alone is kept",
        accuracy=kept.validation_accuracy,
        interval=kept.validation_interval,
        n=kept.validation_n,
        gain=paired_difference(head.predicted == head.labels, made.predicted == made.labels),
        over="the head alone",
        seconds=sum(epoch.seconds for epoch in others),
    )
