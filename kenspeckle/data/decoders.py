"""Decoding processes at work on a list of pictures; one that dies or hangs is replaced."""

from __future__ import annotations

import selectors
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kenspeckle.data.listing import Item
from kenspeckle.errors import DataError, StorageError
from kenspeckle.line_process import LineProcess
from kenspeckle.processor import cores

PATIENCE = 30.0  # seconds for one picture
_AHEAD = 16  # tasks that wait in the pipe of a process, so that it never waits for us
_PROGRAM = "kenspeckle.data.decoder_process"

Report = dict[str, Any]  # "row", then what was found or "reason" and "detail"


@dataclass(kw_only=True, eq=False)
class _Worker:
    """A process, and what it was asked for and has not answered, oldest first."""

    process: LineProcess
    asked: deque[int] = field(default_factory=deque)
    is_ready: bool = False
    since: float = field(default_factory=time.monotonic)  # when it last answered


def reports(
    items: Sequence[Item],
    rows: Sequence[int],
    setup: Mapping[str, Any],
    *,
    workers: int = 0,
    patience: float = PATIENCE,
    program: Sequence[str] = ("-m", _PROGRAM),
) -> Generator[Report, None, None]:
    """One report for each of `rows`, which are indices into `items`, as they become ready.

    A picture that ends its process is reported as "crashed", one that takes over `patience`
    seconds as "timed-out"; `workers` 0 = one for each core that this process may use.
    """
    waiting = deque(rows)
    count = min(workers or cores(), -(-len(waiting) // 4))
    left = len(waiting)
    with selectors.DefaultSelector() as selector:
        pool: list[_Worker] = []
        try:
            while left:
                while len(pool) < count:
                    pool.append(_started(setup, program))
                    selector.register(pool[-1].process.output, selectors.EVENT_READ)
                for worker in pool:
                    _feed(worker, waiting, items)
                ready = {key.fileobj for key, _ in selector.select(timeout=min(0.5, patience))}
                for worker in list(pool):
                    failure = _failure(worker, worker.process.output in ready, patience)
                    answers = list(_answers(worker))
                    if failure:
                        answers += _blamed(worker, failure, patience)
                        pool.remove(worker)
                        selector.unregister(worker.process.output)
                        waiting.extendleft(reversed(worker.asked))
                        worker.process.end()
                    left -= len(answers)
                    yield from answers
        finally:
            for worker in pool:
                worker.process.end()


def _started(setup: Mapping[str, Any], program: Sequence[str]) -> _Worker:
    try:
        # one thread: the processes are as many as the cores
        process = LineProcess(program, threads=1, is_heard=False)
    except OSError as error:
        raise DataError(f"no decoding process can be started: {error.strerror}") from error
    process.send(setup)
    return _Worker(process=process)


def _feed(worker: _Worker, waiting: deque[int], items: Sequence[Item]) -> None:
    """Keep some tasks waiting in its pipe, several at a time."""
    if not waiting or len(worker.asked) > _AHEAD // 2:
        return
    if not worker.asked:
        worker.since = time.monotonic()
    tasks = []
    while waiting and len(worker.asked) < _AHEAD:
        row = waiting.popleft()
        worker.asked.append(row)
        item = items[row]
        tasks.append({"row": row, "name": item.name, "place": item.place.values})
    worker.process.send(*tasks)


def _failure(worker: _Worker, has_output: bool, patience: float) -> str:
    """Read what `worker` sent; the reason code where it will send no more, else nothing."""
    if has_output:
        return "" if worker.process.receive() else "crashed"
    hangs = worker.asked and time.monotonic() - worker.since > patience
    return "timed-out" if hangs else ""


def _answers(worker: _Worker) -> Iterator[Report]:
    for report in worker.process.documents():
        worker.since = time.monotonic()
        if "ready" in report:
            worker.is_ready = True
        elif "stop" in report:
            raise StorageError(report["stop"])
        else:
            worker.asked.remove(report["row"])
            yield report


def _blamed(worker: _Worker, failure: str, patience: float) -> list[Report]:
    """A report on the oldest task, because tasks are done in order."""
    detail = f"over {patience:g} seconds"
    if failure == "crashed":
        code = worker.process.ended()
        detail = (
            f"the decoding process ended with {f'signal {-code}' if code < 0 else f'code {code}'}"
        )
        if not worker.is_ready:
            raise RuntimeError(f"{detail} before it began")
    if not worker.asked:
        return []
    return [{"row": worker.asked.popleft(), "reason": failure, "detail": detail}]
