"""Examine a source before training, or a run after it: measure, then name what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle import device
from kenspeckle.choices import settled
from kenspeckle.course import open_course
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import Splits, draw
from kenspeckle.device import Compute
from kenspeckle.diagnosis.facts import Facts, findings_of
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.inputs import input_facts
from kenspeckle.diagnosis.label_change import label_changes, strong_operations
from kenspeckle.diagnosis.look_alikes import look_alikes
from kenspeckle.diagnosis.memorising import memorise
from kenspeckle.diagnosis.rate_range import rate_range
from kenspeckle.diagnosis.shift import shift
from kenspeckle.diagnosis.shuffled_labels import shuffle_control
from kenspeckle.diagnosis.start import start_facts
from kenspeckle.diagnosis.trials import Bench
from kenspeckle.models.heads import ClassHead, head_of
from kenspeckle.recipes.choice import choose
from kenspeckle.run_data import opened
from kenspeckle.run_examination import examine_run
from kenspeckle.run_folder import CONFIG, Run, open_run
from kenspeckle.settings import RunConfig
from kenspeckle.trial_curve import trial_curve

TRAIN, VALIDATION = 8000, 1000  # pictures that trials work with


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The findings on a source or a run, the root cause first, and what they rest on."""

    about: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]  # what was measured and is right, and what was not measured
    facts: Facts

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Without what is right."""
        return tuple(found for found in self.findings if found.is_fault)


def diagnose(
    target: str | Path | Run | Dataset,
    *,
    recipe: str = "",
    settings: Iterable[str] = (),
    dataset: Dataset | None = None,
    learning_curve: bool = False,
    progress: Progress | None = None,
) -> Diagnosis:
    """Name what is wrong with a run, or with a source and the recipe that would be trained on it.

    `dataset` is needed only for a run on a Dataset made in memory. `learning_curve` costs some
    trainings. Nothing is changed, neither run nor source; the labels of the test split are not
    looked at. Raises a `KenspeckleError` as opening the run or the source would.
    """
    if isinstance(target, Run) or (
        not isinstance(target, Dataset) and (Path(target) / CONFIG).is_file()
    ):
        run = target if isinstance(target, Run) else open_run(target)
        facts = examine_run(run, dataset, learning_curve=learning_curve)
        return _diagnosed(str(run.path), facts, _notes(facts))
    choice = choose(target, recipe=recipe, settings=settings, progress=progress)
    data = opened(target if isinstance(target, Dataset) else None, choice.config, progress)
    facts = examine_source(data, choice.config)
    if learning_curve and not choice.config.transfer.backbone:
        facts = replace(facts, curve=trial_curve(data, choice.config))
    about = f"{data.source} with the recipe {choice.config.recipe}"
    return _diagnosed(about, facts, [*choice.notes, *_notes(facts)])


def examine_source(data: Dataset, asked: RunConfig) -> Facts:
    """Measure all that can be known before training."""
    splits = draw(data, asked.splits)
    compute = device.choose("cpu", "fp32", asked.threads)
    device.prepare(compute)
    few = _reduced(splits)
    train, validation = data.take(few.train), data.take(few.validation)
    facts = Facts(
        inputs=input_facts(data.take(splits.train), is_balanced=asked.train.balance == "classes"),
        alike=look_alikes(data.take(splits.train), validation),
        shifts=(
            shift(train.images, validation.images, between=("training", "validation")),
            shift(train.images, data.take(few.test).images, between=("training", "test")),
        ),
    )
    if asked.transfer.backbone:
        return facts
    settings = settled(
        replace(asked, splits=replace(asked.splits, folds=0)), data, splits, None, compute
    ).settings
    if strong_operations(settings.augment, data.images.shape[1:3]):
        facts = replace(
            facts,
            changes=tuple(label_changes(train, validation, settings.augment, compute=compute)),
        )
    bench = _bench(data, settings, few, compute)
    rates = rate_range(
        lambda seed: (
            bench
            if seed == 0
            else _bench(data, replace(settings, seed=settings.seed + seed), few, compute)
        )
    )
    best = rates.factors[rates.best]
    views = dataset_views(validation, settings.preprocess)
    return replace(
        facts,
        start=start_facts(bench),
        is_class_head=isinstance(bench.head, ClassHead),
        memorised=memorise(bench, factors=(best, 1.0, best / 10)),
        rates=rates,
        # at the best rate: what a wrong one does is another finding
        control=shuffle_control(bench, views[0], factor=best),
    )


def _reduced(splits: Splits) -> Splits:
    rng = np.random.default_rng(0)

    def some(members: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        return np.asarray(np.sort(rng.permutation(members)[:most]))

    return Splits(
        train=some(splits.train, TRAIN),
        validation=some(splits.validation, VALIDATION),
        test=some(splits.test, VALIDATION),
    )


def _bench(data: Dataset, settings: RunConfig, splits: Splits, compute: Compute) -> Bench:
    return Bench(
        course=open_course(settings, compute, data, splits.train, splits.validation),
        settings=settings,
        head=head_of(settings.train.task, data.class_names),
        compute=compute,
    )


def _diagnosed(about: str, facts: Facts, notes: Iterable[str]) -> Diagnosis:
    return Diagnosis(about=about, findings=findings_of(facts), notes=tuple(notes), facts=facts)


def _notes(facts: Facts) -> list[str]:
    """What is right, with its numbers."""
    notes = []
    if facts.start:
        start = facts.start
        notes.append(
            f"before the first step: loss {start.loss:.3g} (ln K is {start.chance:.3g}), deviation "
            f"of pre-activations {start.levels[0]:.2g} in {start.layers[0]} and "
            f"{start.levels[-1]:.2g} in {start.layers[-1]}, gradients of the first matrix "
            f"{start.steepest:.2g} times those of the last"
        )
    if facts.memorised and facts.memorised.is_learned:
        notes.append(
            f"one batch of {facts.memorised.pictures} is learned by heart (loss "
            f"{facts.memorised.loss:.2g} in {facts.memorised.steps} steps)"
        )
    if facts.rates:
        notes.append(facts.rates.words)
    if facts.control and facts.control.is_learned:
        notes.append(
            f"control: {facts.control.real:.1%} right after {facts.control.steps} steps, "
            f"{facts.control.shuffled:.1%} with shuffled labels (n={facts.control.n:,})"
        )
    for item in facts.shifts:
        notes.append(
            f"{item.between[0]} and {item.between[1]} pictures are told apart with "
            f"{item.accuracy:.1%} (p={item.p:.3f}, n={item.n:,} of each)"
        )
    if facts.outcome:
        notes.append(f"bias and variance: {facts.outcome.balance.words}")
    return notes
