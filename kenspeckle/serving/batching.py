"""Pictures that wait, and how they reach the process that computes.

Whatever waits when the process becomes free goes together; nothing is ever held back to make a
batch larger. What cannot be answered soon is refused at once, and what nobody waits for any more
is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kenspeckle.serving.answer import Answer, told
from kenspeckle.serving.frames import TOGETHER, Header, Payload
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.processes import Worker

_QUICKEST = 1e-6  # seconds of computing; what takes less is timed no better
_LATE = 0.1  # seconds a picture that one late batch may be believed
DEADLY = "ended the process that computes twice; it is not tried again"


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """How much may wait, and how much goes together."""

    waiting: int = 256  # pictures
    seconds: float = 1.0  # of computing that the waiting may take, by what the last took
    batch: int = TOGETHER  # pictures
    batch_bytes: int = 8 << 20
    batch_seconds: float = 0.25  # of computing; others wait no longer than that for their turn
    hanging: float = 10.0  # seconds without an answer after which the process is ended


class Refused(Exception):
    """The queue is full, or there is no process; `after` seconds are worth a new try."""

    def __init__(self, *, after: int, status: int = 429, reason: str = "") -> None:
        super().__init__(reason)
        self.after, self.status = after, status
        self.reason = reason or "too much waits; try again soon"


@dataclass(frozen=True, slots=True)
class Input:
    """An encoded picture, or pixels (height, width, channels) of `shape`."""

    data: Payload
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """The answers to a request, all of one model."""

    answers: list[Answer]
    class_names: tuple[str, ...]
    version: str
    thumbnails: list[bytes]  # empty where the picture serves as its own


class _Job:
    """A request: its pictures and their answers."""

    __slots__ = ("answers", "future", "missing", "pieces", "thumbnails", "worker")

    def __init__(self, inputs: Sequence[Input], future: asyncio.Future[Told]) -> None:
        self.pieces = [_Piece(self, place, given) for place, given in enumerate(inputs)]
        self.answers: list[Answer | None] = [None] * len(inputs)
        self.thumbnails = [b""] * len(inputs)
        self.missing = len(inputs)
        self.future = future
        self.worker: Worker | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is answered, or nobody waits for it any more."""
        return self.future.done()


class _Piece:
    """A picture of a job."""

    __slots__ = ("deaths", "input", "job", "place")

    def __init__(self, job: _Job, place: int, given: Input) -> None:
        self.job, self.place, self.input = job, place, given
        self.deaths = 0  # how often the process ended while it worked on this


class Batcher:
    """Feeds one worker at a time; `replace` puts another in its place between two batches."""

    def __init__(self, limits: BatchLimits, metrics: Metrics, *, renew: Callable[[], None]) -> None:
        self.limits, self.metrics = limits, metrics
        self.worker: Worker | None = None
        self._renew = renew  # asks for another worker
        self._queue: deque[_Piece] = deque()
        self._going: list[_Piece] = []  # what the worker has
        self._at: Worker | None = None  # which has it
        self._since = 0.0
        self.failure = ""  # why there is no process, and none soon
        self._each = _QUICKEST  # seconds that a picture takes, by the last batches
        self._alarm: asyncio.TimerHandle | None = None
        self._deadly: OrderedDict[bytes, None] = OrderedDict()
        metrics.waiting = lambda: len(self._queue)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is computed."""
        return not self._queue and not self._going

    def admit(self, count: int = 1) -> None:
        """Raise `Refused` where `count` more pictures would wait too long."""
        if self.failure:
            raise Refused(after=2, status=503, reason=self.failure)
        if not self._queue:
            return
        ahead = len(self._queue) + count
        seconds = ahead * self._each
        if ahead > self.limits.waiting or seconds > self.limits.seconds:
            raise Refused(after=max(1, math.ceil(len(self._queue) * self._each)))

    def submit(self, inputs: Sequence[Input]) -> asyncio.Future[Told]:
        """The answers to `inputs`, which come together; cancel the future to drop them."""
        self.admit(len(inputs))
        future = asyncio.get_running_loop().create_future()
        job = _Job(inputs, future)
        for piece in job.pieces:
            if self._deadly and _digest(piece.input) in self._deadly:
                piece.deaths = 2
                self._settle(piece, Answer(error=DEADLY))
            else:
                self._queue.append(piece)
        future.add_done_callback(lambda done: self._drop(job) if done.cancelled() else None)
        self._next()
        return future

    def replace(self, worker: Worker) -> None:
        """Answer with `worker` from the next batch on."""
        previous, self.worker, self.failure = self.worker, worker, ""
        if previous is None or previous.version != worker.version:
            self._deadly.clear()  # what one model died of need not harm another
            self._each = max(worker.seconds, _QUICKEST)
        worker.answered, worker.ended = self._answered, self._ended
        if previous is not None and previous is not self._at:
            previous.close()
        self._next()

    def fail(self, reason: str) -> None:
        """There will be no process for a while: refuse what waits, and what comes."""
        self.failure = reason
        jobs = {id(piece.job): piece.job for piece in self._queue}
        self._queue.clear()
        for job in jobs.values():
            if not job.is_over:
                job.future.set_exception(Refused(after=2, status=503, reason=reason))

    def _next(self) -> None:
        """Send what waits, if the process is free."""
        worker = self.worker
        if self._going or worker is None or worker.is_gone:
            return
        batch = self._going
        room = min(self.limits.batch, max(1, int(self.limits.batch_seconds / self._each)))
        size = 0
        while self._queue and len(batch) < room:
            piece = self._queue[0]
            size += len(piece.input.data)
            # what may have ended the process goes alone, so that it harms no other
            if batch and (size > self.limits.batch_bytes or piece.deaths):
                break
            batch.append(self._queue.popleft())
            if piece.deaths:
                break
        if not batch:
            return
        self._at, self._since = worker, time.perf_counter()
        items = [
            [len(piece.input.data), *piece.input.shape]
            if piece.input.shape
            else len(piece.input.data)
            for piece in batch
        ]
        self.metrics.batches.observe(len(batch))
        loop = asyncio.get_running_loop()
        if self._alarm is None:
            self._alarm = loop.call_later(self.limits.hanging, self._check)
        worker.give(items, [piece.input.data for piece in batch])

    def _check(self) -> None:
        """End a process that hangs; one timer runs on, because making one for each batch costs."""
        self._alarm = None
        if not self._going:
            return
        left = self._since + self.limits.hanging - time.perf_counter()
        if left <= 0 and self._at is not None:
            self._at.kill()
            left = self.limits.hanging
        self._alarm = asyncio.get_running_loop().call_later(left, self._check)

    def _answered(self, worker: Worker, header: Header, payload: bytes) -> None:
        batch, self._going, self._at = self._going, [], None
        rows = array("f", payload[: header["rows"]])
        at = header["rows"]
        names, version = worker.class_names, worker.version
        start, done, later = 0, 0, []
        for piece, item in zip(batch, header["items"], strict=True):
            if "later" in item:
                later.append(piece)
                continue
            done += 1
            if "error" in item:
                answer = Answer(error=item["error"], version=version)
            else:
                row = rows[start : start + len(names)].tolist()
                start += len(names)
                if "thumbnail" in item:
                    end = at + item["thumbnail"]
                    piece.job.thumbnails[piece.place], at = payload[at:end], end
                answer = told(row, names, value=item.get("value"), version=version)
            self._settle(piece, answer, worker)
        taken = (time.perf_counter() - self._since) / max(1, done)
        # a single batch may have had to wait for the processor, and says little
        self._each += 0.2 * (min(taken, max(4 * self._each, _LATE)) - self._each)
        self._return(later)
        if worker is not self.worker:
            worker.close()
        self._next()

    def _ended(self, worker: Worker) -> None:
        """The process of `worker` is gone: what it had is tried once more, each picture alone."""
        if worker is self._at:
            batch, self._going, self._at = self._going, [], None
            again = []
            for piece in batch:
                piece.deaths += 1
                if piece.deaths < 2:
                    again.append(piece)
                    continue
                self._deadly[_digest(piece.input)] = None
                if len(self._deadly) > 1000:
                    self._deadly.popitem(last=False)
                self._settle(piece, Answer(error=DEADLY))
            self._return(again)
        if worker is self.worker:
            self.metrics.restarts += 1
            self._renew()
        self._next()

    def _return(self, pieces: list[_Piece]) -> None:
        """Put `pieces` back to the front."""
        for piece in reversed(pieces):
            if not piece.job.is_over:
                self._queue.appendleft(piece)

    def _settle(self, piece: _Piece, answer: Answer, worker: Worker | None = None) -> None:
        job = piece.job
        if job.is_over:
            return
        if worker is not None and job.worker is not worker:
            if job.worker is not None:
                self._begin_again(job)
            job.worker = worker
        job.answers[piece.place] = answer
        job.missing -= 1
        if not job.missing:
            by = job.worker or self.worker
            answers = [answer for answer in job.answers if answer is not None]
            names, version = (by.class_names, by.version) if by is not None else ((), "")
            job.future.set_result(Told(answers, names, version, job.thumbnails))

    def _begin_again(self, job: _Job) -> None:
        """The model was replaced within a request, whose answers must all be of one."""
        stale = [
            piece
            for piece in job.pieces
            if job.answers[piece.place] is not None and piece.deaths < 2
        ]
        for piece in stale:
            job.answers[piece.place] = None
        job.missing += len(stale)
        self._return(stale)

    def _drop(self, job: _Job) -> None:
        self._queue = deque(piece for piece in self._queue if piece.job is not job)
        self.metrics.dropped += 1


def _digest(given: Input) -> bytes:
    return hashlib.sha256(given.data).digest()
