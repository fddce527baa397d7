"""Many seeds of one configuration at once: a worker of one thread for each core of this machine.

Workers that do not wait for each other in every step do more in the same time than one training on
all cores. Each trains one seed after the other, or several in step where that is found to be
quicker; either way a run has the bits of its own single training with the settings in its folder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kenspeckle import config, storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.errors import ConfigError, RunError
from kenspeckle.headway import Headway, ManyAdvanced
from kenspeckle.outset import Ready, ready
from kenspeckle.processor import cores
from kenspeckle.recipes.choice import choose
from kenspeckle.run_folder import CONFIG, Run
from kenspeckle.runs import RUNS, never
from kenspeckle.settings import RunConfig
from kenspeckle.stacking.probe import Measured, quickest
from kenspeckle.worker_pool import (
    Job,
    JobAdvanced,
    JobDied,
    JobDone,
    JobFailed,
    JobStopped,
    carried_out,
)

SET = "set.toml"  # in the folder of a set: what its runs have in common


@dataclass(frozen=True, kw_only=True)
class ManyStarted:
    """Training begins; `kept` runs were finished before."""

    runs: int
    kept: int
    workers: int
    threads: int  # of each worker
    stack: int  # seeds that each worker trains in step
    device: str
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ManyEnded:
    """The session is over: "finished", or "interrupted" so that a repeat goes on."""

    state: Literal["finished", "interrupted"]
    runs: tuple[Run, ...]  # those that are finished, in the order of the seeds
    failed: tuple[JobFailed, ...]
    seconds: float


ManyEvent = ManyStarted | ManyAdvanced | JobAdvanced | JobDone | JobDied | JobFailed | ManyEnded


def train_many(
    source: str | Path | Dataset = "mnist",
    *,
    seeds: int | Sequence[int] = 5,
    recipe: str = "",
    model: str = "",
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    stacked: bool | None = None,
) -> tuple[Run, ...]:
    """Train a recipe once for each seed, as many at once as there are cores; return the runs.

    `stacked` is whether each core trains several in step, which gives other bits than training one
    by itself; None leaves it to a measurement. `seeds` is how many, from 0, or which. Run folders
    are `out`/seed-000 and so on; a repeat keeps those that are finished and goes on with the
    others. Raises `RunError` where one fails, after the others are finished.
    """
    choice = choose(source, recipe=recipe, model=model, settings=settings)
    dataset = source if isinstance(source, Dataset) else None
    ended = None
    for event in training_many(
        choice.config, seeds=seeds, out=out, dataset=dataset, stacked=stacked
    ):
        ended = event
    assert isinstance(ended, ManyEnded)
    if ended.failed:
        raise RunError("; ".join(f"{item.job.path}: {item.reason}" for item in ended.failed))
    return ended.runs


def training_many(
    settings: RunConfig,
    *,
    seeds: int | Sequence[int],
    out: str | Path | None = None,
    dataset: Dataset | None = None,
    stacked: bool | None = None,
    stop: Callable[[], bool] = never,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
) -> Iterator[ManyEvent]:
    """Train `settings` with each of `seeds`, event by event; `stacked` is as for `train_many`.

    When `stop()` is true, what is at work is saved, and a repeat goes on from there.
    """
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers or len(set(numbers)) < len(numbers):
        raise ConfigError(f"seeds must be one or more, each of them once, got {seeds}")
    if settings.stacked and stacked is False:
        raise ConfigError(
            "stacked=False contradicts the setting stacked=true; leave out one of them"
        )
    asked = on_one_thread(settings)
    if stacked:
        asked = config.override(asked, ["stacked=true"])
    found = ready(asked, dataset=dataset, progress=progress)
    name = Path(settings.source).name.partition(".")[0] or "data"
    folder = Path(out) if out is not None else RUNS / f"{name}-{settings.recipe}-seeds"
    notes = [*notes, *found.notes]
    measured = _measured(found, folder, numbers, stacked)
    if measured.stack > 1:
        asked = replace(asked, stacked=True)
        found = replace(found, settings=replace(found.settings, stacked=True))
        notes.append(_about(measured))
    jobs = jobs_of(found, asked, folder, numbers)
    yield from carry_out(
        jobs, found.data, settings=found.settings, stack=measured.stack, stop=stop, notes=notes
    )


def _measured(found: Ready, folder: Path, seeds: Sequence[int], stacked: bool | None) -> Measured:
    """How many seeds to train in step; a folder that has been begun decides whether it is one."""
    if stacked is None and (folder / SET).is_file():
        stacked = config.loads(RunConfig, (folder / SET).read_text(encoding="utf-8")).stacked
    missing = sum(not Run(_folder_of(seed, folder)).is_finished for seed in seeds)
    most = -(-missing // worker_count(found.settings, max(1, missing)))
    alone = Measured(stack=1, share=1.0)
    is_asked = found.settings.stacked or bool(stacked)
    if not is_asked and (most < 2 or stacked is False):
        return alone
    if not missing:
        return replace(alone, stack=2)
    chosen = quickest(found.settings, found.compute, found.data, most=most)  # refuses what cannot
    return replace(alone, stack=max(2, min(most, 4))) if is_asked and chosen.stack == 1 else chosen


def _about(measured: Measured) -> str:
    if measured.share >= 1:  # nothing was gained, or measured
        return f"seeds learn in step, up to {measured.stack} at once"
    return (
        f"seeds learn in step, up to {measured.stack} at once, in {measured.share:.2f} of the time "
        "of each by itself (train_many(..., stacked=False) trains each by itself)"
    )


def on_one_thread(settings: RunConfig) -> RunConfig:
    """`settings` with one thread for each worker, unless they say how many."""
    return replace(settings, threads=settings.threads or 1)


def jobs_of(
    found: Ready, asked: RunConfig, folder: Path, seeds: Sequence[int], *, name: str = ""
) -> list[Job]:
    """A job for each of `seeds` in `folder`, which then belongs to what was `asked`.

    Raises `RunError` where the folder has runs of other settings or of other data.
    """
    storage.make_folder(folder)
    text = config.dumps(replace(asked, seed=0))
    if not (folder / SET).is_file():
        if any(folder.glob("seed-*")):
            raise RunError(f"{folder}: has runs but no {SET}; choose another --out")
        storage.write_file(folder / SET, text.encode())
    elif (folder / SET).read_text(encoding="utf-8") != text:
        raise RunError(
            f"{folder}: holds runs of other settings ({SET} differs); choose another --out"
        )
    prefix = f"{name}, " if name else ""
    jobs = [
        Job(
            name=f"{prefix}seed {seed}",
            path=_folder_of(seed, folder),
            settings=replace(found.settings, seed=seed),
        )
        for seed in seeds
    ]
    for job in jobs:
        run = Run(job.path)
        if (run.path / CONFIG).is_file() and run.ledger["fingerprint"] != found.data.fingerprint:
            raise RunError(f"{run.path}: was trained on other data; choose another --out")
    return jobs


def _folder_of(seed: int, folder: Path) -> Path:
    return folder / f"seed-{seed:03d}"


def worker_count(settings: RunConfig, jobs: int) -> int:
    """How many runs are trained at once."""
    if settings.device == "cuda":
        return 1  # one training fills it
    return max(1, min(jobs, cores() // settings.threads))


def carry_out(
    jobs: Sequence[Job],
    data: Dataset,
    *,
    settings: RunConfig,
    stack: int = 1,
    stop: Callable[[], bool] = never,
    notes: Sequence[str] = (),
    refill: Callable[[], Sequence[Job]] = tuple,
) -> Iterator[ManyEvent]:
    """Train what of `jobs` is not finished yet; `refill` is asked for more when none waits.

    A worker takes `stack` of them at once where they are to learn in step.
    """
    headway = Headway()
    waiting: deque[Job] = deque()

    def more(added: Sequence[Job]) -> None:
        while added and not waiting:
            waiting.extend(headway.unfinished(added))
            if not waiting:
                added = refill()

    more(jobs or refill())
    workers = worker_count(settings, -(-len(headway.jobs) // stack))
    yield ManyStarted(
        runs=len(headway.jobs),
        kept=headway.kept,
        workers=workers,
        threads=settings.threads,
        stack=stack,
        device=settings.device,
        notes=tuple(notes),
    )
    failed: list[JobFailed] = []
    is_interrupted = False
    events = carried_out(
        waiting, data, workers=workers, threads=settings.threads, stack=stack, stop=stop
    )
    with closing(events):
        for event in events:
            headway.hear(event)
            if isinstance(event, JobStopped):
                is_interrupted = True
                continue
            if isinstance(event, JobFailed):
                failed.append(event)
            yield event
            yield headway.advanced()
            if not waiting and isinstance(event, JobDone | JobFailed):
                more(refill())
    yield ManyEnded(
        state="interrupted" if is_interrupted or waiting else "finished",
        runs=tuple(run for run in (Run(job.path) for job in headway.jobs) if run.is_finished),
        failed=tuple(failed),
        seconds=headway.seconds,
    )
