"""Decoding processes at work on a list of pictures; one that dies or hangs is replaced."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from kenspeckle.data.listing import Item
from kenspeckle.errors import DataError, StorageError
from kenspeckle.processor import cores

PATIENCE = 30.0  # seconds for one picture
_AHEAD = 16  # tasks that wait in the pipe of a process, so that it never waits for us
_PROGRAM = "kenspeckle.data.decoder_process"

Report = dict[str, Any]  # "row", then what was found or "reason" and "detail"


@dataclass(kw_only=True, eq=False)
class _Worker:
    """A process, and what it was asked for and has not answered, oldest first."""

    process: subprocess.Popen[bytes]
    asked: deque[int] = field(default_factory=deque)
    received: bytearray = field(default_factory=bytearray)
    is_ready: bool = False
    since: float = field(default_factory=time.monotonic)  # when it last answered

    @property
    def output(self) -> IO[bytes]:
        """Where its answers come from."""
        assert self.process.stdout is not None
        return self.process.stdout


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
                    selector.register(pool[-1].output, selectors.EVENT_READ)
                for worker in pool:
                    _feed(worker, waiting, items)
                ready = {key.fileobj for key, _ in selector.select(timeout=min(0.5, patience))}
                for worker in list(pool):
                    failure = _failure(worker, worker.output in ready, patience)
                    answers = list(_answers(worker))
                    if failure:
                        answers += _blamed(worker, failure, patience)
                        pool.remove(worker)
                        selector.unregister(worker.output)
                        waiting.extendleft(reversed(worker.asked))
                        _end(worker)
                    left -= len(answers)
                    yield from answers
        finally:
            for worker in pool:
                _end(worker)


def _started(setup: Mapping[str, Any], program: Sequence[str]) -> _Worker:
    # one thread: the processes are as many as the cores
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
        )
    except OSError as error:
        raise DataError(f"no decoding process can be started: {error.strerror}") from error
    worker = _Worker(process=process)
    _send(worker, setup)
    return worker


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
    _send(worker, *tasks)


def _send(worker: _Worker, *documents: Mapping[str, Any]) -> None:
    assert worker.process.stdin is not None
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    # where it has died, the end of its output says so, and its tasks go to another
    with suppress(BrokenPipeError):
        worker.process.stdin.write(lines.encode())
        worker.process.stdin.flush()


def _failure(worker: _Worker, has_output: bool, patience: float) -> str:
    """Read what `worker` sent; the reason code where it will send no more, else nothing."""
    if has_output:
        chunk = os.read(worker.output.fileno(), 1 << 16)
        worker.received += chunk
        return "" if chunk else "crashed"
    hangs = worker.asked and time.monotonic() - worker.since > patience
    return "timed-out" if hangs else ""


def _answers(worker: _Worker) -> Iterator[Report]:
    *lines, rest = worker.received.split(b"\n")
    worker.received = bytearray(rest)
    for line in lines:
        worker.since = time.monotonic()
        report: Report = json.loads(line)
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
        code = worker.process.wait()
        detail = (
            f"the decoding process ended with {f'signal {-code}' if code < 0 else f'code {code}'}"
        )
        if not worker.is_ready:
            raise RuntimeError(f"{detail} before it began")
    if not worker.asked:
        return []
    return [{"row": worker.asked.popleft(), "reason": failure, "detail": detail}]


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    assert worker.process.stdin is not None
    with suppress(BrokenPipeError):  # what it was still to read
        worker.process.stdin.close()
    worker.output.close()
