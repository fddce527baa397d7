"""How an experiment is carried out: in full or quickly, over how many seeds, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kenspeckle import config
from kenspeckle.assessment import Assessment, evaluate
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.events import Ended, EpochRecord
from kenspeckle.experiments.outcome import Picture, Quantity, over_seeds
from kenspeckle.figures.curves import curves as draw_curves
from kenspeckle.figures.style import png
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.runs import to_end, training
from kenspeckle.settings import RunConfig

QUICK_PICTURES = 1500
QUICK_STEPS = 6


def silent(_: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the user asked for; `quick` shows that all works and measures nothing worth telling."""

    out: Path  # where runs go
    quick: bool = False
    seeds: int = 3
    data: str = ""  # a CIFAR-10 archive, for the experiments that want one
    settings: tuple[str, ...] = ()  # such as threads=1, for every training
    say: Callable[[str], None] = silent  # hears of progress, a line at a time

    def dataset(self, source: str) -> Dataset:
        """All of `source`, or an even sample of it if quick."""
        data = open_dataset(source)
        return self.sample(data, QUICK_PICTURES) if self.quick else data

    def sample(self, data: Dataset, count: int) -> Dataset:
        """About `count` items, evenly from the first to the last of each class."""
        if len(data) <= count:
            return data
        by_class = np.lexsort((data.labels, data.official_test))
        chosen = by_class[np.linspace(0, len(data) - 1, count).astype(np.int64)]
        return data.take(np.sort(chosen))

    def config(self, recipe: str, *settings: str) -> RunConfig:
        """The configuration of `recipe`, cut short if quick."""
        whole = "splits.folds=0"  # experiments have a test split, and pictures enough
        chosen = config.override(build_recipe(recipe), [whole, *settings, *self.settings])
        if self.quick:
            short = replace(chosen.train, epochs=0.0, steps=QUICK_STEPS)
            chosen = replace(chosen, train=short)
        return chosen


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The runs of one configuration over several seeds, each tested once."""

    ends: tuple[Ended, ...]
    tests: tuple[Assessment, ...]

    @property
    def settled(self) -> RunConfig:
        """The configuration of the first seed, in which nothing is "auto"."""
        return self.ends[0].config

    @property
    def epochs(self) -> tuple[EpochRecord, ...]:
        """Of the first seed."""
        return self.ends[0].epochs

    @property
    def seconds(self) -> tuple[float, ...]:
        """Of training, for each seed."""
        return tuple(end.train_seconds for end in self.ends)

    @property
    def recipe(self) -> str:
        """The complete configuration of the first seed as TOML."""
        return config.dumps(self.settled)

    def accuracy(
        self,
        *,
        name: str = "test accuracy",
        headline: str = "",
        least: float | None = None,
        most: float | None = None,
    ) -> Quantity:
        """On the test split; the interval is over the seeds, or Wilson's for a single one."""
        values = tuple(test.measurement.accuracy for test in self.tests)
        measured = self.tests[0].measurement
        return Quantity(
            name=name,
            values=values,
            headline=headline,
            n=measured.n,
            interval=over_seeds(values, highest=1.0) or measured.interval,
            least=least,
            most=most,
        )

    def duration(self, *, name: str = "training time", headline: str = "") -> Quantity:
        """Seconds of training."""
        return Quantity(name=name, values=self.seconds, headline=headline, unit="seconds")


def train_seeds(
    plan: Plan, settings: RunConfig, data: Dataset, *, seeds: int | None = None, name: str = ""
) -> Trained:
    """Train `settings` once for each seed and test each run once."""
    name = name or settings.recipe
    count = 1 if plan.quick else seeds or plan.seeds
    ends, tests = [], []
    for seed in range(count):
        plan.say(f"{name}: training, seed {seed + 1} of {count}")
        folder = plan.out / f"{name}-{seed}"
        chosen = replace(settings, seed=seed, source=data.source)
        end = to_end(training(chosen, out=folder, dataset=data))
        ends.append(end)
        tests.append(evaluate(end.run, data))
    return Trained(ends=tuple(ends), tests=tuple(tests))


def curves(found: Trained) -> Picture:
    """How the first seed learned."""
    return Picture(
        title="Loss and accuracy",
        about="Loss and accuracy of training and validation over the steps of the first seed.",
        png=png(draw_curves(found.epochs)),
    )
