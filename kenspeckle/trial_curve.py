"""A learning curve measured by trainings on nested parts of the pictures; the test split rests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kenspeckle import device
from kenspeckle.choices import settled
from kenspeckle.course import open_course
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import draw
from kenspeckle.diagnosis.learning_curve import LearningCurve, parts_of
from kenspeckle.inference import outputs
from kenspeckle.models.heads import head_of
from kenspeckle.settings import RunConfig
from kenspeckle.training import averaged, fit


def trial_curve(data: Dataset, asked: RunConfig) -> LearningCurve:
    """Train on ever more of the training pictures for as many steps as on all of them."""
    splits = draw(data, asked.splits)
    compute = device.choose("cpu", "fp32", asked.threads)
    without_folds = replace(asked, splits=replace(asked.splits, folds=0))
    settings = settled(without_folds, data, splits, None, compute).settings
    steps = settings.train.total_steps(-(-len(splits.train) // settings.train.batch_size))
    config = replace(settings.train, epochs=0, steps=steps, patience=0)
    settings = replace(settings, train=config)
    order = np.random.default_rng(0).permutation(splits.train)
    head = head_of(settings.train.task, data.class_names)
    counts, errors = parts_of(len(order)), []
    for count in counts:
        course = open_course(settings, compute, data, np.sort(order[:count]), splits.validation)
        loop = fit(
            course.training,
            course.batches,
            config,
            schedule=settings.schedule,
            head=head,
            compute=compute,
        )
        for _ in loop:
            pass
        with averaged(course.training) as network:
            said = head.logits(outputs(network, course.validation[0].images)).argmax(dim=1)
        errors.append(float((said.numpy() != course.validation[0].labels).mean()))
    return LearningCurve(pictures=tuple(counts), errors=tuple(errors))
