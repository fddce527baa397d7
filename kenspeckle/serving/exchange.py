"""One request and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
import sys
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

from kenspeckle.serving.asgi import Application, Fields, Message

if TYPE_CHECKING:
    from kenspeckle.serving.connection import Connection

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_BODILESS = (204, 304)


class Exchange:
    """A request whose header has been read; `answered` once all of the answer is written."""

    def __init__(
        self, connection: Connection, scope: Message, *, since: float, keep_alive: bool
    ) -> None:
        self._connection = connection
        self.scope = scope
        self.since = since  # of the first byte, by time.perf_counter
        self.keep_alive = keep_alive
        self.expected: int | None = None  # bytes of the body, by Content-Length
        self.wants_continue = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                self.expected = int(value)
            elif name == b"expect":
                self.wants_continue = value.lower() == b"100-continue"
        self.body: bytes | bytearray = b""
        self.received = 0  # bytes of the body
        self.held = 0  # of them in memory
        self.complete = False  # all of it is here
        self.started = False  # the answer
        self.answered = False
        self.status = 0
        self.refusal: tuple[int, str] | None = None  # found while answers before it were awaited
        self.deadline = 0.0  # of the answer; 0 while the body is on its way
        self.task: asyncio.Task[None] | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._delivered = False
        self._chunked = False
        self._fields: Fields = []

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
        """Write a part of the answer, and wait where the client is slower to read."""
        self.write(message)
        if not self.answered and self._connection.is_full and not self._connection.is_gone:
            await self._connection.drained()

    def write(self, message: Message) -> None:
        """Write a part of the answer; its header goes with the first piece of its body."""
        if self.answered or self._connection.is_gone:
            return
        if message["type"] == "http.response.start":
            self.status, self._fields = message["status"], message.get("headers", [])
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b"" if self.started else self._head(len(body), more=more)
        self.started = True
        if self.scope["method"] == "HEAD" or self.status in _BODILESS:
            body = b""
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"" if more else b"0\r\n\r\n"
        self._connection.write(head + body)
        if not more:
            self.answered = True
            self._connection.end(self)

    def _head(self, size: int, *, more: bool) -> bytes:
        """The status line and the fields of an answer whose first piece has `size` bytes."""
        lines = [_STATUS_LINES[self.status], self._connection.server.date]
        has_length = self.status in _BODILESS
        for name, value in self._fields:
            if b"\n" in value or b"\r" in value or b"\n" in name:
                raise ValueError(f"header {name!r} would break the answer")
            has_length = has_length or name.lower() == b"content-length"
            lines += (name.lower(), b": ", value, b"\r\n")
        is_old = self.scope["http_version"] == "1.0"
        self._chunked = more and not has_length and not is_old
        if self._chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif not more and not has_length:
            lines.append(b"content-length: %d\r\n" % size)
        elif not has_length:  # then the end of the connection is the end of the answer
            self.keep_alive = False
        if not self.keep_alive or not self._connection.may_continue(self):
            self.keep_alive = False
            lines.append(b"connection: close\r\n")
        elif is_old:
            lines.append(b"connection: keep-alive\r\n")
        return b"".join([*lines, b"\r\n"])
