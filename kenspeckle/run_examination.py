"""Measure a run: its data, its start made again, and what came out of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle import device
from kenspeckle.course import open_course
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import VALIDATION, Splits, draw, members_of
from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.facts import Facts
from kenspeckle.diagnosis.inputs import input_facts
from kenspeckle.diagnosis.label_change import label_changes, strong_operations
from kenspeckle.diagnosis.look_alikes import LookAlikes, look_alikes
from kenspeckle.diagnosis.outcome import Outcome
from kenspeckle.diagnosis.preprocessing_gap import preprocessing_gap
from kenspeckle.diagnosis.rate_range import FEW_FACTORS, WIDE, rates_tried
from kenspeckle.diagnosis.shift import shift
from kenspeckle.diagnosis.start import start_facts
from kenspeckle.diagnosis.trials import Bench, attempt, plain_loss
from kenspeckle.errors import RunError
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.evaluation.temperature import scaled
from kenspeckle.explain.units import unit_states
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier, load
from kenspeckle.models.heads import ClassHead, head_of
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_data import data_of
from kenspeckle.run_folder import MODEL, Run
from kenspeckle.trial_curve import trial_curve

_TRAIN, _SAMPLE = 6000, 1000  # pictures for trials, and for what the model says
_SMALL, _LARGE_SAMPLE = 64, 100  # pixels a side; pictures of larger ones
_STEPS = 40
_JUDGED = 120  # of the network that judges augmentation
_SECONDS = 1.0  # of a trial at most
_LOOKED = 200  # pictures that units must answer to
_SURE = 0.999


def examine_run(run: Run, dataset: Dataset | None = None, *, learning_curve: bool = False) -> Facts:
    """Measure `run`, which is finished or broke off; raises `RunError` for any other."""
    settings = run.config
    if not run.is_finished and not run.failure:
        raise RunError(
            f"{run.path}: this run is not finished; go on with `ken train --resume {run.path}`"
        )
    data = data_of(run, dataset)
    compute = device.choose("cpu", "fp32", settings.threads)
    device.prepare(compute)
    splits = draw(data, settings.splits)
    is_small = max(data.images.shape[1:3]) <= _SMALL
    few = _few(splits, _SAMPLE if is_small else _LARGE_SAMPLE)
    train, validation = data.take(few.train), data.take(few.validation)
    alike = look_alikes(data.take(splits.train), validation)
    is_balanced = settings.train.balance == "classes"
    facts = Facts(
        inputs=input_facts(data.take(splits.train), is_balanced=is_balanced),
        alike=alike,
        shifts=(shift(train.images, validation.images, between=("training", "validation")),),
        failure=run.failure,
    )
    bench = None
    if not settings.transfer.backbone:
        bench = Bench(
            course=open_course(settings, compute, data, few.train, few.validation),
            settings=settings,
            head=head_of(settings.train.task, data.class_names),
            compute=compute,
        )
        is_class_head = isinstance(bench.head, ClassHead)
        facts = replace(facts, start=start_facts(bench), is_class_head=is_class_head)
    if bench and run.failure:
        rates = rates_tried([bench], WIDE, steps=_STEPS)
        return replace(facts, rates=rates)
    if not (run.path / MODEL).is_file():
        return facts
    classifier = load(run.model_file)
    seen = _in_size(
        train if is_small else train.take(np.arange(min(len(train), _LARGE_SAMPLE))), classifier
    )
    outcome = _outcome(run, data, splits, classifier, seen, alike)
    if bench and outcome.is_poor:
        outcome = _tried(outcome, bench, classifier)
    if strong_operations(settings.augment, data.images.shape[1:3]):
        found = label_changes(train, validation, settings.augment, compute=compute, steps=_JUDGED)
        facts = replace(facts, changes=tuple(found))
    if learning_curve and bench:
        facts = replace(facts, curve=trial_curve(data, settings))
    gap = preprocessing_gap(classifier, seen, _in_size(validation, classifier))
    return replace(facts, outcome=outcome, gap=gap)


def _outcome(
    run: Run,
    data: Dataset,
    splits: Splits,
    classifier: Classifier,
    seen: Dataset,
    alike: LookAlikes,
) -> Outcome:
    settings = run.config
    made = load_predictions(run.predictions_file(VALIDATION))
    if isinstance(classifier.head, ClassHead):  # how sure the network is by itself
        made = scaled(made, 1 / classifier.temperature)
    measured = measure(made)
    sample = seen.images[:_SAMPLE]
    labels = torch.from_numpy(seen.labels[:_SAMPLE])
    said = outputs(classifier.network, sample)
    right = classifier.head.logits(said).argmax(dim=1) == labels
    states = unit_states(classifier, np.asarray(sample[:_LOOKED]))
    relus = [row for row in states.layers if row.kind.name.lower().startswith("relu")]
    worst = max(relus, key=lambda row: row.dead, default=None)
    epochs = [line for line in run.epochs if line.get("fold", 0) == 0 and line["epoch"] > 0]
    losses = tuple(float(line["validation_loss"]) for line in epochs)
    learned = members_of(splits) if settings.splits.folds > 0 else splits.train
    classes = len(np.unique(data.labels[learned]))
    return Outcome(
        balance=BiasVariance(
            train_accuracy=float(right.float().mean()),
            train_n=len(labels),
            other_accuracy=measured.accuracy,
            other_n=measured.n,
            best=1.0,
        ),
        train_loss=plain_loss(classifier.head, said, labels),
        validation_loss=measured.nll,
        validation_losses=losses,
        steps=int(run.epochs[-1]["step"]) if run.epochs else 0,
        rate=settings.optimizer.rate,
        dead=worst.dead if worst else 0.0,
        dead_layer=worst.layer if worst else "",
        sure_wrong=_sure_wrong(made),
        reference=alike.train_accuracy,
        chance=math.log(max(2, classes)),
    )


def _tried(outcome: Outcome, bench: Bench, classifier: Classifier) -> Outcome:
    """With short trials: at other rates from the start, and some more steps from the end."""
    trials = []
    for factor in FEW_FACTORS:
        trial = attempt(bench, steps=_STEPS, factor=factor, seconds=_SECONDS)
        trials.append((factor, trial.last))
    longer = attempt(bench, steps=_STEPS, network=classifier.network, seconds=_SECONDS)
    return replace(
        outcome,
        trials=tuple(trials),
        continued=(longer.first, longer.last),
        trial_steps=_STEPS,
    )


def _sure_wrong(made: Predictions) -> float:
    wrong = made.predicted != made.labels
    if not wrong.any():
        return 0.0
    return float((made.probabilities[wrong].max(axis=1) > _SURE).mean())


def _in_size(data: Dataset, classifier: Classifier) -> Dataset:
    """In the size of the network's input; of several views the middle one."""
    views = dataset_views(data, classifier.preprocess)
    return views[len(views) // 2]


def _few(splits: Splits, most_validated: int) -> Splits:
    rng = np.random.default_rng(0)

    def some(members: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        return np.asarray(rng.permutation(members)[:most])

    return Splits(
        train=some(splits.train, _TRAIN),
        validation=some(splits.validation, most_validated),
        test=splits.test,
    )
