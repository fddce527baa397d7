"""One connection that stays open, with at most one request under way."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import cast

from serving_load.messages import ABANDONED, LATE, LOST, RESET, Answer, take

Answered = Callable[["Connection", Answer], None]


class Connection(asyncio.Protocol):
    """Each `ask` is answered exactly once through its callback, whatever happens."""

    def __init__(self) -> None:
        self.asked = 0.0  # when the request under way was sent
        self.since = time.monotonic()  # without a request
        self._answered: Answered | None = None
        self._buffer = b""
        self._why = LOST  # what an unanswered request is called when the connection ends
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def ask(self, request: bytes, answered: Answered) -> None:
        """Send `request`; `answered` is called with what comes back."""
        self._answered = answered
        self.asked = time.monotonic()
        if self.is_open:
            self.transport.write(request)
        else:
            self._finish(Answer(self._why, b"", b"", self.asked))

    @property
    def is_waiting(self) -> bool:
        """Whether a request is under way."""
        return self._answered is not None

    def data_received(self, data: bytes) -> None:
        """By asyncio."""
        arrived = time.monotonic()
        self._buffer = self._buffer + data if self._buffer else data
        try:
            taken = take(self._buffer, arrived)
        except ValueError:
            self.close(RESET)
            return
        if taken is None:
            return
        answer, self._buffer = taken
        if b"\r\nconnection: close" in answer.head.lower():
            self.is_open = False
            self.transport.close()
        self._finish(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """By asyncio."""
        self.is_open = False
        why = RESET if isinstance(error, ConnectionError) and self._why == LOST else self._why
        self._finish(Answer(why, b"", b"", time.monotonic()))

    def close(self, why: int = LATE) -> None:
        """End it; a request under way counts as `why`."""
        self._why = why
        self.is_open = False
        self.transport.abort()

    def abandon(self, *, with_reset: bool) -> None:
        """Go away as clients do: by a reset, or politely."""
        if with_reset and self.is_open:
            its: socket.socket = self.transport.get_extra_info("socket")
            its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close(ABANDONED)

    def _finish(self, answer: Answer) -> None:
        answered, self._answered = self._answered, None
        self.since = time.monotonic()
        if answered:
            answered(self, answer)


async def connect(port: int) -> Connection:
    """A new connection; raises `OSError` where there is none."""
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection, "127.0.0.1", port
    )
    return connection


async def ask_once(port: int, request: bytes, *, patience: float = 30) -> Answer:
    """One request on a connection of its own; `OSError` where there is none."""
    connection = await connect(port)
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    connection.ask(request, lambda _, given: answer.done() or answer.set_result(given))
    try:
        return await asyncio.wait_for(asyncio.shield(answer), patience)
    except TimeoutError:
        return Answer(LATE, b"", b"", time.monotonic())
    finally:
        connection.transport.abort()
