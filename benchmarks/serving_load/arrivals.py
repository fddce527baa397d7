"""Load as the world brings it: requests arrive when they arrive, answered or not.

Latency counts from the time at which a request was due, so a stall of the server, or of this
program, is seen by every request that it delayed (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from serving_load.connection import Connection, connect
from serving_load.messages import LATE, Answer

_STALE = 8.0  # seconds without a request; servers close such connections, from 10 on


@dataclass(frozen=True, kw_only=True)
class Load:
    """How requests arrive."""

    rate: float  # a second, on average; the gaps are exponential
    seconds: float
    connections: int = 64
    resets: float = 0.0  # share of requests whose client resets the connection
    cancels: float = 0.0  # share whose client closes it before the answer
    patience: float = 30.0  # seconds from the due time until a request counts as late
    seed: int = 0


class Request(NamedTuple):
    """One arrival."""

    picture: int
    due: float  # seconds of time.monotonic
    manner: str  # "stay", "reset" or "cancel"


Receive = Callable[[Request, float, Answer], None]  # also when it was sent


class Arrivals:
    """One run of a `Load` against a server; `receive` hears of every request once."""

    def __init__(self, port: int, requests: Sequence[bytes], load: Load, receive: Receive) -> None:
        self.port, self.requests, self.load, self.receive = port, requests, load, receive
        self.is_stopped = False
        self._random = random.Random(load.seed)
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[Request] = deque()
        self._under_way: dict[Connection, Request] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.lags: list[float] = []  # seconds by which this program was late to notice arrivals

    async def run(self) -> None:
        """Until all that arrived in the time is answered, or late."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(self._open() for _ in range(self.load.connections)))
        self._due = time.monotonic() + 0.01
        self._end = self._due + self.load.seconds
        self._ended = loop.create_future()
        self._pump()
        self._sweep()
        await self._ended
        for task in self._opening:
            task.cancel()
        for connection in list(self._all):
            connection.transport.abort()
        await asyncio.sleep(0)

    def stop(self) -> None:
        """No more arrivals."""
        self.is_stopped = True

    def _pump(self) -> None:
        now = time.monotonic()
        self.lags.append(max(0.0, now - self._due))
        while self._due <= now and self._due < self._end and not self.is_stopped:
            self._dispatch(
                Request(self._random.randrange(len(self.requests)), self._due, self._manner())
            )
            self._due += self._random.expovariate(self.load.rate)
        if self._due < self._end and not self.is_stopped:
            asyncio.get_running_loop().call_at(self._due, self._pump)
        else:
            self._end = 0.0
            self._check_end()

    def _manner(self) -> str:
        if not self.load.resets and not self.load.cancels:
            return "stay"
        drawn = self._random.random()
        if drawn < self.load.resets:
            return "reset"
        return "cancel" if drawn < self.load.resets + self.load.cancels else "stay"

    def _dispatch(self, request: Request) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and time.monotonic() - connection.since < _STALE:
                self._send(connection, request)
                return
            connection.close()
            self._reopen(connection)
        self._waiting.append(request)

    def _send(self, connection: Connection, request: Request) -> None:
        self.sent += 1
        self._under_way[connection] = request
        data = self.requests[request.picture]
        if request.manner == "stay":
            connection.ask(data, self._answered)
            return
        # half of them go in the middle of what they say
        if self._random.random() < 0.5:
            data = data[: self._random.randrange(1, len(data))]
        connection.ask(data, self._answered)
        asyncio.get_running_loop().call_later(
            self._random.uniform(0, 0.005),
            partial(connection.abandon, with_reset=request.manner == "reset"),
        )

    def _answered(self, connection: Connection, answer: Answer) -> None:
        request = self._under_way.pop(connection)
        self.receive(request, connection.asked, answer)
        if not connection.is_open:
            self._reopen(connection)
        elif request.manner == "stay":  # the others are about to close
            self._ready(connection)
        self._check_end()

    def _ready(self, connection: Connection) -> None:
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _reopen(self, connection: Connection) -> None:
        self._all.discard(connection)
        if not self.is_stopped:
            task = asyncio.get_running_loop().create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        while not self.is_stopped:
            try:
                connection = await connect(self.port)
            except OSError:
                await asyncio.sleep(0.02)  # what waits becomes late
                continue
            self._all.add(connection)
            self._ready(connection)
            return

    def _sweep(self) -> None:
        """What has waited too long is given up."""
        limit = time.monotonic() - self.load.patience
        while self._waiting and self._waiting[0].due < limit:
            self.receive(self._waiting.popleft(), 0.0, Answer(LATE, b"", b"", time.monotonic()))
        for connection, request in list(self._under_way.items()):
            if request.due < limit:
                connection.close(LATE)
        # a connection that was abandoned after its answer is replaced here
        for connection in [each for each in self._all if not each.is_open]:
            if connection not in self._under_way and connection not in self._idle:
                self._reopen(connection)
        self._check_end()
        if not self._ended.done():
            asyncio.get_running_loop().call_later(0.1, self._sweep)

    def _check_end(self) -> None:
        is_over = not self._end and not self._under_way and not self._waiting
        if is_over and not self._ended.done():
            self._ended.set_result(None)
