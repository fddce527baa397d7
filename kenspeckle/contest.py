"""Recipes against each other: same splits, same seeds, a verdict that says what it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from kenspeckle.assessment import evaluate
from kenspeckle.contenders import Contender, enter, folder_name
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.splits import TEST
from kenspeckle.errors import ConfigError, DataError, RunError
from kenspeckle.evaluation.comparison import ALPHA, LEAST, compare_correctness, holm
from kenspeckle.evaluation.sequential import MOST, Limits, limits
from kenspeckle.many import ManyEnded, ManyEvent, carry_out, jobs_of, worker_count
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.run_folder import Run
from kenspeckle.runs import RUNS, never
from kenspeckle.standing import Pair, Standing
from kenspeckle.worker_pool import Job

Seeds = int | Literal["auto"]
Split = Literal["validation", "test"]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The last event: how all stand; None where it was stopped, and a repeat goes on."""

    standing: Standing | None
    folder: Path
    ended: ManyEnded


def compare(
    *contenders: str | Path,
    source: str | Path | Dataset = "mnist",
    seeds: Seeds = 5,
    most: int = MOST,
    split: Split = "validation",
    settings: Iterable[str] = (),
    out: str | Path | None = None,
) -> Standing:
    """Train recipes, or the configurations of run folders, over the same seeds and compare them.

    With `seeds` "auto", two are trained until they are told apart, at most `most` times each. What
    is in `out` from an earlier call is kept. Raises `RunError` where a run fails.
    """
    events = comparing(
        contenders, source=source, seeds=seeds, most=most, split=split, settings=settings, out=out
    )
    last = None
    for event in events:
        last = event
    assert isinstance(last, Compared) and last.standing
    return last.standing


def comparing(
    contenders: Sequence[str | Path],
    *,
    source: str | Path | Dataset,
    seeds: Seeds = 5,
    most: int = MOST,
    split: Split = "validation",
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    stop: Callable[[], bool] = never,
    progress: Progress | None = None,
) -> Iterator[ManyEvent | Compared]:
    """Compare event by event; when `stop()` is true, save and end."""
    plan = _plan(len(contenders), seeds, most)
    dataset = source if isinstance(source, Dataset) else None
    name = dataset.source if dataset else str(source)
    usual = RUNS / f"compare-{folder_name(Path(name).name) or 'data'}"
    folder = usual if out is None else Path(out)
    entered = enter(contenders, name, tuple(settings), folder, dataset, progress)
    jobs = _Jobs(entered, plan, int(seeds) if seeds != "auto" else most, split, dataset)
    ended = None
    notes = [f"{one.name}: {note}" for one in entered for note in one.found.notes]
    events = carry_out(
        (),
        entered[0].found.data,
        settings=entered[0].found.settings,
        stop=stop,
        notes=notes,
        refill=jobs.refill,
    )
    for event in events:
        if isinstance(event, ManyEnded):
            ended = event
        else:
            yield event
    assert ended
    if ended.failed:
        raise RunError("; ".join(f"{item.job.path}: {item.reason}" for item in ended.failed))
    standing = jobs.standing() if ended.state == "finished" else None
    yield Compared(standing=standing, folder=folder, ended=ended)


def _plan(count: int, seeds: Seeds, most: int) -> Limits | None:
    if count < 2:
        raise ConfigError(f"two recipes or run folders are needed to compare, got {count}")
    if seeds == "auto":
        if count > 2:
            raise ConfigError(f"seeds=auto is for two, got {count}; say how many seeds")
        if most < LEAST:
            raise ConfigError(f"at least {LEAST} seeds are needed to claim anything, got {most}")
        return limits(most)
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1, got {seeds}")
    return None


class _Jobs:
    """Which seeds are still to be trained, by what is known of those that are."""

    def __init__(
        self,
        contenders: list[Contender],
        plan: Limits | None,
        most: int,
        split: Split,
        dataset: Dataset | None,
    ) -> None:
        self.contenders, self.plan, self.most = contenders, plan, most
        self.split, self.dataset = split, dataset
        self.ordered = 0  # seeds
        self.looked = 0  # seeds that the limits have been asked about
        self.is_decided = False
        self.labels: NDArray[np.int64] | None = None

    def refill(self) -> Sequence[Job]:
        """The jobs of the next seeds; none while some are at work, or where all is known."""
        self._read()
        known = min(len(one.right) for one in self.contenders)
        if known < self.ordered:
            return ()
        self._look(known)
        if self.is_decided or self.ordered == self.most:
            return ()
        settings = self.contenders[0].found.settings
        at_once = worker_count(settings, 2 * self.most) // 2  # a look needs both of a seed
        few = max(LEAST, known + max(1, at_once)) if self.plan else self.most
        few = min(few, self.most)
        seeds = range(self.ordered, few)
        self.ordered = few
        jobs = [
            jobs_of(one.found, one.asked, one.folder, seeds, name=one.name)
            for one in self.contenders
        ]
        return [job for both in zip(*jobs, strict=True) for job in both]

    def standing(self) -> Standing:
        """How all stand after the last look."""
        count = self.looked if self.plan else self.most
        right = [np.array([one.right[seed] for seed in range(count)]) for one in self.contenders]
        numbers = list(combinations(range(len(right)), 2))
        critical: list[float | None] = [None] * len(numbers)
        adjusted = [compare_correctness(right[a], right[b]).p_value for a, b in numbers]
        if self.plan:
            critical = [self.plan.at(count)]
        elif len(numbers) > 1 and count >= LEAST:
            critical, adjusted = [*_holm_limits(adjusted, count)], holm(adjusted)
        pairs = tuple(
            Pair(
                first=self.contenders[a].name,
                second=self.contenders[b].name,
                comparison=compare_correctness(
                    right[a], right[b], critical=limit, planned=self.most if self.plan else 0
                ),
                adjusted=p_value,
            )
            for (a, b), limit, p_value in zip(numbers, critical, adjusted, strict=True)
        )
        return Standing(
            names=tuple(one.name for one in self.contenders),
            accuracies=tuple(tuple(table.mean(axis=1).tolist()) for table in right),
            pairs=pairs,
            source=self.contenders[0].found.data.source,
            split=self.split,
            by_folds=self.contenders[0].found.settings.splits.folds > 0,
            openings=max(one.openings for one in self.contenders),
        )

    def _look(self, known: int) -> None:
        """Ask the limits after each seed in turn, as if it had just come."""
        while self.plan and not self.is_decided and self.looked < known:
            self.looked += 1
            if self.looked < LEAST:
                continue
            first, second = (
                np.array([one.right[seed] for seed in range(self.looked)])
                for one in self.contenders
            )
            limit = self.plan.at(self.looked)
            found = compare_correctness(first, second, critical=limit)
            self.is_decided = found.verdict != "not distinguishable"

    def _read(self) -> None:
        """What the finished runs were right about."""
        for one in self.contenders:
            for seed in range(self.ordered):
                run = Run(one.folder / f"seed-{seed:03d}")
                if seed in one.right or not run.is_finished:
                    continue
                if self.split == TEST:
                    one.openings = max(one.openings, evaluate(run, self.dataset).openings)
                made = load_predictions(run.predictions_file(self.split))
                one.right[seed] = made.predicted == made.labels
                self._require_same(made, run)

    def _require_same(self, made: Predictions, run: Run) -> None:
        if self.labels is None:
            self.labels = made.labels
        elif not np.array_equal(self.labels, made.labels):
            raise DataError(
                f"{run.path}: {len(made):,} pictures were told and {len(self.labels):,} by another "
                "run; comparisons need the same ones, for example by --set splits.folds=0"
            )


def _holm_limits(p_values: Sequence[float], seeds: int) -> list[float]:
    """What |t| must exceed for each: intervals contain zero where Holm claims nothing."""
    order = np.argsort(p_values, kind="stable").tolist()
    found, level = [0.0] * len(order), ALPHA
    is_open = True  # until the first that is not told apart
    for rank, index in enumerate(order):
        if is_open:
            level = ALPHA / (len(order) - rank)
            is_open = p_values[index] < level
        found[index] = float(t.isf(level / 2, seeds - 1))
    return found
