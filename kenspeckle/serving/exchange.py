"""One request and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kenspeckle.serving.connection import Connection

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_BODILESS = (204, 304)


class Exchange:
    """A request whose header has been read; `answered` once all of the answer is written."""

    __slots__ = (
        "_arrived",
        "_chunked",
        "_connection",
        "_delivered",
        "_head",
        "answered",
        "body",
        "complete",
        "deadline",
        "expected",
        "held",
        "keep_alive",
        "received",
        "scope",
        "since",
        "started",
        "status",
        "task",
        "wants_continue",
    )

    def __init__(self, connection: Connection, scope: Message, *, since: float) -> None:
        self._connection = connection
        self.scope = scope
        self.since = since  # of the first byte, by time.perf_counter
        self.body: bytes | bytearray = b""
        self.received = 0  # bytes of the body
        self.held = 0  # of them in memory
        self.expected: int | None = None  # by Content-Length
        self.complete = False  # all of it is here
        self.keep_alive = True
        self.wants_continue = False
        self.started = False  # the answer
        self.answered = False
        self.status = 0
        self.deadline = 0.0  # of the answer; 0 while the body is on its way
        self.task: asyncio.Task[None] | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._delivered = False
        self._chunked = False
        self._head = b""

    def take(self, data: bytes) -> None:
        """Add a piece of the body."""
        self.received += len(data)
        self.held += len(data)
        if not self.body:
            self.body = data
            return
        if isinstance(self.body, bytes):
            self.body = bytearray(self.body)
        self.body += data

    def wake(self) -> None:
        """Tell the application that the body is here, or the client gone."""
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def run(self, application: Application) -> None:
        """Let `application` answer."""
        try:
            await application(self.scope, self.receive, self.send)
        except asyncio.CancelledError:
            return  # by the connection, which has answered itself or is gone
        except Exception:
            traceback.print_exc(file=sys.stderr)
        if not self.answered:
            self._connection.fail(self, 500, "the server has a fault; its terminal shows it")

    async def receive(self) -> Message:
        """The whole body at once, then, when the client goes away, that it did."""
        if self.wants_continue and not self.complete and not self.started:
            self.wants_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.complete and not self._delivered) and not self._connection.is_gone:
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        if self._connection.is_gone:
            return {"type": "http.disconnect"}
        self._delivered = True
        body, self.body = self.body, b""
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Write a part of the answer."""
        connection = self._connection
        if self.answered or connection.is_gone:
            return
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            self._head = self._headed(message.get("headers", ()))
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        silent = self.scope["method"] == "HEAD" or self.status in _BODILESS
        if self._head:
            if b"\r\ncontent-length:" not in self._head and self.status not in _BODILESS:
                if not more:
                    self._head += b"content-length: %d\r\n" % len(body)
                elif self.scope["http_version"] == "1.1":
                    self._chunked = True
                    self._head += b"transfer-encoding: chunked\r\n"
                else:
                    self.keep_alive = False
            if not connection.may_continue(self):
                self.keep_alive = False
            if not self.keep_alive:
                self._head += b"connection: close\r\n"
            elif self.scope["http_version"] == "1.0":
                self._head += b"connection: keep-alive\r\n"
            head, self._head = self._head + b"\r\n", b""
        else:
            head = b""
        if silent:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += b"0\r\n\r\n"
        connection.write(head + body)
        if not more:
            self.answered = True
            connection.end(self)
        elif connection.is_full:
            await connection.drained()

    def _headed(self, headers: Any) -> bytes:
        pieces = [STATUS_LINES[self.status], self._connection.server.date]
        for name, value in headers:
            if b"\n" in value or b"\r" in value or b"\n" in name:
                raise ValueError(f"header {name!r} would break the answer")
            pieces += (name.lower(), b": ", value, b"\r\n")
        return b"".join(pieces)


def error_answer(status: int, text: str, headers: list[tuple[bytes, bytes]]) -> tuple[Message, ...]:
    """The ASGI messages of `{"error": text}`."""
    body = json.dumps({"error": text}).encode()
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
    }
    return start, {"type": "http.response.body", "body": body}
