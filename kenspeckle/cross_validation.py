"""Few pictures, random weights: networks that are only measured, then the one that is kept.

Each fold is told by a network trained on the others, after every epoch. The network that is kept
learns from all pictures, on the same schedule, and stops where the folds were told best.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from kenspeckle.data.splits import VALIDATION
from kenspeckle.events import EpochRecord, FoldDone, kept_epoch
from kenspeckle.inference import meaning, outputs
from kenspeckle.predictions import Predictions
from kenspeckle.session import Session, Told, enter


def tell_fold(session: Session) -> Predictions:
    """Let the present network tell the fold that it was not shown, and keep what it says."""
    views = session.course.validation
    said = torch.stack([outputs(session.training.network, view.images) for view in views])
    session.folds[-1].outputs.append(said)
    return meaning(said, views[0], session.head, split=VALIDATION)


def close_fold(session: Session) -> FoldDone:
    """End the fold, and begin the next one or, after the last, the network that is kept."""
    assert session.fold_of is not None
    count, number = int(session.fold_of.max()) + 1, session.fold
    epochs = session.folds[-1].epochs
    enter(session, number + 1 if number < count else 0)
    return FoldDone(
        number=number,
        folds=count,
        best=epochs[kept_epoch(epochs, session.settings.train.keep)],
        seconds=sum(epoch.seconds for epoch in epochs),
    )


def epochs_to_keep(session: Session) -> int:
    """How many epochs the network that is kept learns: the median of the best ones of the folds.

    As a share of the schedule, since an epoch of more pictures has more updates.
    """
    keep = session.settings.train.keep
    shares = [
        fold.epochs[kept_epoch(fold.epochs, keep)].step / fold.total for fold in session.folds
    ]
    share, total, steps = float(np.median(shares)), session.planned, len(session.batches)
    if share == 1.0:
        return math.ceil(total / steps)
    return max(1, round(share * total / steps))


def out_of_fold(session: Session, epoch: int, *, temperature: float = 1.0) -> Predictions:
    """What was said of all pictures after as much training as `epoch` epochs of the kept network.

    Of a fold whose training stopped before that, by its last network. So no fold is told by the
    epoch that happened to tell it best.
    """
    assert session.fold_of is not None
    share = min(1.0, epoch * len(session.batches) / session.planned)
    parts = [fold.outputs[_nearest(fold, share)] for fold in session.folds]
    views, _, width = parts[0].shape
    said = torch.empty(views, len(session.members), width)
    for number, part in enumerate(parts):
        said[:, torch.from_numpy(session.fold_of == number)] = part
    items = session.dataset.take(session.members)
    return meaning(said, items, session.head, split=VALIDATION, temperature=temperature)


def whole(session: Session) -> int:
    """Updates of the whole job, as far as they are known: folds may stop early."""
    if session.fold_of is None:
        return session.planned
    if not session.fold:
        return session.base + min(session.planned, epochs_to_keep(session) * len(session.batches))
    folds = int(session.fold_of.max()) + 1
    own = session.folds[-1].total
    all_pictures = round(own * len(session.members) / len(session.batches.labels))
    kept = own if session.settings.train.steps else all_pictures
    return session.base + own * (folds - session.fold + 1) + kept


def fold_epochs(session: Session) -> tuple[EpochRecord, ...]:
    """Of all networks that were only measured, in order."""
    return tuple(epoch for fold in session.folds for epoch in fold.epochs)


def _nearest(fold: Told, share: float) -> int:
    return min(
        range(len(fold.epochs)),
        key=lambda place: abs(fold.epochs[place].step / fold.total - share),
    )
