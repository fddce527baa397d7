"""Probabilities of every item outside the test split, by models that have not seen it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle import device
from kenspeckle.backbones import backbone
from kenspeckle.choices import on_backbone, settled
from kenspeckle.course import open_course
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import draw, folds_of, groups_of, members_of
from kenspeckle.evaluation.linear_head import fit_linear_head
from kenspeckle.features import features
from kenspeckle.inference import meaning, outputs
from kenspeckle.models.heads import head_of
from kenspeckle.predictions import Predictions
from kenspeckle.settings import RunConfig
from kenspeckle.training import averaged, fit

FOLDS = 4
_OWN = "out of fold"


def out_of_fold(
    data: Dataset, asked: RunConfig, *, folds: int = FOLDS, progress: Progress | None = None
) -> tuple[NDArray[np.int64], Predictions]:
    """The items (n,) and what was said of them: by a head on features, or by trainings on folds.

    Each costs a training on the other folds, with the settings that are asked for.
    """
    splits = draw(data, asked.splits)
    members = members_of(splits)
    compute = device.choose("cpu", "fp32", asked.threads)
    device.prepare(compute)
    without_folds = replace(asked, splits=replace(asked.splits, folds=0))
    if asked.transfer.backbone:
        source = backbone(asked.transfer.backbone)
        settings = settled(on_backbone(without_folds, source), data, splits, None, compute).settings
        view = dataset_views(data.take(members), settings.preprocess)[0]
        head = fit_linear_head(
            features(source, view.images, compute),
            data.labels[members],
            classes=len(data.class_names),
            groups=groups_of(data)[members],
        )
        return members, Predictions(
            probabilities=head.probabilities,
            labels=data.labels[members],
            class_names=data.class_names,
            split=_OWN,
        )
    settings = settled(without_folds, data, splits, None, compute).settings
    fold = folds_of(data, members, folds)
    own = head_of(settings.train.task, data.class_names)
    said = np.empty((len(members), len(data.class_names)), dtype=np.float32)
    for number in range(int(fold.max()) + 1):
        held = fold == number
        course = open_course(settings, compute, data, members[~held], members[held])
        loop = fit(
            course.training,
            course.batches,
            settings.train,
            schedule=settings.schedule,
            head=own,
            compute=compute,
        )
        for _ in loop:
            pass
        if progress:
            progress("folds", number + 1, int(fold.max()) + 1)
        with averaged(course.training) as network:
            given = torch.stack([outputs(network, view.images) for view in course.validation])
        said[held] = meaning(given, course.validation[0], own, split=_OWN).probabilities
    return members, Predictions(
        probabilities=said, labels=data.labels[members], class_names=data.class_names, split=_OWN
    )
