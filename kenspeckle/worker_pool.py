"""Processes that train runs side by side; one that dies is named and started once more."""

from __future__ import annotations

import selectors
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.shared import shared
from kenspeckle.errors import DeviceError
from kenspeckle.line_process import LineProcess
from kenspeckle.settings import RunConfig

_PROGRAM = "kenspeckle.seed_worker"
_LOOK = 0.2  # seconds between two questions whether to stop
_TRIES = 2  # how often a run is begun or gone on with before its deaths count as failure


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to be trained."""

    name: str  # as people call it: "seed 3"
    path: Path  # of the run folder
    settings: RunConfig  # nothing left open


@dataclass(frozen=True, kw_only=True)
class JobAdvanced:
    """So many of the updates of a run are done."""

    job: Job
    process: int
    began: int  # updates that an earlier session had done
    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class JobDone:
    """A run is finished."""

    job: Job
    seconds: float  # of training


@dataclass(frozen=True, kw_only=True)
class JobStopped:
    """A run was stopped with a checkpoint to go on from."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class JobDied:
    """The process of a run ended by itself, and another goes on from the newest checkpoint."""

    job: Job
    cause: str


@dataclass(frozen=True, kw_only=True)
class JobFailed:
    """A run cannot be finished."""

    job: Job
    reason: str


JobEvent = JobAdvanced | JobDone | JobStopped | JobDied | JobFailed


@dataclass(kw_only=True, eq=False)
class _Worker:
    """A process, and the runs that it works on."""

    process: LineProcess
    jobs: dict[int, Job] = field(default_factory=dict)  # those not ended, by place in the order


def carried_out(
    jobs: deque[Job],
    data: Dataset,
    *,
    workers: int,
    threads: int,
    stack: int = 1,
    stop: Callable[[], bool],
    program: tuple[str, ...] = ("-m", _PROGRAM),
) -> Generator[JobEvent, None, None]:
    """Train `jobs` on `data` in `workers` processes of `threads` each, event by event.

    Of jobs that are `stacked` and differ in their seeds alone, a process takes up to `stack` at
    once. `jobs` may be added to while an event is looked at. When `stop()` is true, what is at work
    is saved and no other job begun. A Dataset in memory is shared; one of picture files is opened
    from the cache by each process.
    """
    deaths: Counter[Path] = Counter()
    is_stopping = False
    with ExitStack() as closing:
        common = None if data.origin else closing.enter_context(shared(data))
        setup = {"shared": common.facts if common else None}
        inherited = [common.file.fileno()] if common else []
        selector = closing.enter_context(selectors.DefaultSelector())
        pool: list[_Worker] = []
        closing.callback(_end_all, pool)
        while True:
            needed = _busy(pool) + -(-len(jobs) // stack)
            while not is_stopping and len(pool) < min(workers, needed):
                pool.append(_started(setup, inherited, threads, program))
                selector.register(pool[-1].process.output, selectors.EVENT_READ)
            for worker in pool:
                if not worker.jobs and jobs and not is_stopping:
                    # by itself where its process died: another of the stack may be the cause
                    most = 1 if deaths[jobs[0].path] else stack
                    worker.jobs = dict(enumerate(_taken(jobs, most)))
                    worker.process.send(_order(worker.jobs.values()))
            if not _busy(pool):
                return
            for key, _ in selector.select(timeout=_LOOK):
                worker = next(found for found in pool if found.process.output is key.fileobj)
                is_alive = worker.process.receive()
                yield from _news(worker)
                if is_alive:
                    continue
                pool.remove(worker)
                selector.unregister(worker.process.output)
                cause = _cause(worker.process.ended())
                worker.process.end()
                for job in reversed(worker.jobs.values()):  # to wait in their order
                    deaths[job.path] += 1
                    if is_stopping:
                        yield JobStopped(job=job)
                    elif deaths[job.path] < _TRIES:
                        jobs.appendleft(job)
                        yield JobDied(job=job, cause=cause)
                    else:
                        yield JobFailed(job=job, reason=f"its process {cause}, twice")
            if not is_stopping and stop():
                is_stopping = True
                for worker in pool:
                    worker.process.send({"stop": True})


def _busy(pool: list[_Worker]) -> int:
    return sum(bool(worker.jobs) for worker in pool)


def _taken(jobs: deque[Job], most: int) -> list[Job]:
    """The next job, and those behind it that can learn in step with it."""
    taken = [jobs.popleft()]
    settings = taken[0].settings
    while jobs and settings.stacked and len(taken) < most:
        if replace(jobs[0].settings, seed=settings.seed) != settings:
            break
        taken.append(jobs.popleft())
    return taken


def _started(
    setup: dict[str, Any], inherited: list[int], threads: int, program: tuple[str, ...]
) -> _Worker:
    try:
        process = LineProcess(program, threads=threads, inherited=inherited)
    except OSError as error:
        raise DeviceError(f"no process to train in can be started: {error.strerror}") from error
    process.send(setup)
    return _Worker(process=process)


def _order(jobs: Iterable[Job]) -> dict[str, Any]:
    return {
        "runs": [{"run": str(job.path), "settings": config.dumps(job.settings)} for job in jobs]
    }


def _news(worker: _Worker) -> Iterator[JobEvent]:
    for found in worker.process.documents():
        if "ready" in found:
            continue
        place = found.pop("place")
        if "step" in found:
            yield JobAdvanced(job=worker.jobs[place], process=worker.process.number, **found)
            continue
        job = worker.jobs.pop(place)
        if "failed" in found:
            yield JobFailed(job=job, reason=found["failed"])
        elif found["ended"] == "finished":
            yield JobDone(job=job, seconds=found["seconds"])
        else:
            yield JobStopped(job=job)


def _cause(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    hint = ", which is also how the system ends what needs too much memory"
    return f"was ended by {name}{hint if name == 'SIGKILL' else ''}"


def _end_all(pool: list[_Worker]) -> None:
    for worker in pool:
        worker.process.end()
