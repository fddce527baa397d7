"""HTTP/1.1 on one connection: what arrives becomes exchanges, in order.

Within limits of size and time, which a client cannot stretch by being slow.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from kenspeckle.serving.asgi import Message, error_answer
from kenspeckle.serving.exchange import Exchange
from kenspeckle.serving.headers import SECURITY
from kenspeckle.serving.request_reader import RequestReader
from kenspeckle.serving.routes import route_of

if TYPE_CHECKING:
    from kenspeckle.serving.http_server import HttpServer

TOO_MUCH = "too much waits; try again soon"
_PIPELINED = 16  # requests that are read ahead of their answers
_DISCARDED = 1 << 20  # bytes of a body that are read although nobody wants them
_GRACE = 0.05  # seconds for an answer to a client that has closed its side
_NO_SCOPE: Message = {"method": "", "http_version": "1.1", "path": "", "headers": []}


class Connection(asyncio.BufferedProtocol):
    """One client. `deadline` is when what is awaited must be here; the server looks at it."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.limits = server.limits
        self.is_gone = False
        self.is_full = False  # more is written than the client reads
        self.deadline = 0.0
        self.transport: asyncio.Transport
        self._exchanges: deque[Exchange] = deque()  # the first is being answered
        self._reading: Exchange | None = None  # whose body is arriving
        self._client: object = None
        self._since = 0.0
        self._lingers = False
        self._is_half = False  # the client has closed its side
        self._drained: asyncio.Future[None] | None = None
        self._requests = RequestReader(self, self.limits)

    @property
    def is_idle(self) -> bool:
        """Whether no request is on its way or being answered."""
        return not self._exchanges and not self._requests.in_header

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._client = transport.get_extra_info("peername")
        self.deadline = self.server.now() + self.limits.header_seconds
        self.server.opened(self)

    def connection_lost(self, _: Exception | None) -> None:  # noqa: D102
        self.is_gone = True
        self.server.closed(self)
        for exchange in self._exchanges:
            if not exchange.answered:
                self._settle(exchange, 499)
            exchange.wake()
            if exchange.task is not None:
                exchange.task.cancel()
        self._exchanges.clear()
        self.resume_writing()

    def eof_received(self) -> bool:  # noqa: D102
        if self._lingers or not self._exchanges:
            return False
        # it may have closed its side only; most have gone, and then nothing must be computed
        self._is_half = True
        asyncio.get_running_loop().call_later(_GRACE, self._give_up)
        return True

    def pause_writing(self) -> None:  # noqa: D102
        self.is_full = True

    def resume_writing(self) -> None:  # noqa: D102
        self.is_full = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drained(self) -> None:
        """Wait until the client has read."""
        self._drained = asyncio.get_running_loop().create_future()
        await self._drained

    def write(self, data: bytes) -> None:
        """Send `data`."""
        if not self.is_gone:
            self.transport.write(data)

    def get_buffer(self, _: int) -> memoryview:  # noqa: D102
        return self.server.buffer

    def buffer_updated(self, count: int) -> None:  # noqa: D102
        self._requests.feed(bytes(self.server.buffer[:count]))

    def header_begun(self) -> None:
        """The first bytes of a request are here."""
        self._since = time.perf_counter()
        self.deadline = self.server.now() + self.limits.header_seconds

    def header_read(self, scope: Message, *, keep_alive: bool) -> None:
        """All of a header is here: answer, or wait for the answers before it."""
        scope["client"], scope["server"] = self._client, self.server.address
        exchange = Exchange(self, scope, since=self._since, keep_alive=keep_alive)
        self._reading = exchange
        self.deadline = self.server.now() + self.limits.body_seconds
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            self._answer(exchange)
        elif len(self._exchanges) > _PIPELINED:
            self.transport.pause_reading()

    def body_read(self, data: bytes) -> None:
        """A piece of a body is here."""
        exchange = self._reading
        if exchange is None:
            return
        if exchange.answered:
            exchange.received += len(data)
            if exchange.received > self.limits.body:
                self._linger()
            return
        exchange.take(data)
        self.server.held += len(data)
        excess = self._excess(exchange.received, self.server.held)
        if excess and exchange is self._exchanges[0]:
            self.fail(exchange, *excess)
        elif excess:
            self.refuse(*excess)

    def request_read(self) -> None:
        """All of a request is here."""
        exchange, self._reading = self._reading, None
        if exchange is None:
            return
        exchange.complete = True
        self.deadline = 0.0
        if exchange.answered:
            self._finish(exchange)
            return
        exchange.deadline = self.server.now() + self.limits.answer_seconds
        exchange.wake()

    def refuse(self, status: int, text: str) -> None:
        """Answer to something that is no request, after what was asked before it; then end."""
        self._requests.stop()
        if self._reading is not None and not self._reading.answered:
            self._reading.keep_alive = False
            self._reading.refusal = status, text
            if self._exchanges[0] is self._reading:
                self.fail(self._reading, status, text)
        elif self._exchanges:  # their answers come first, then the end
            self._exchanges[-1].keep_alive = False
        else:
            exchange = Exchange(self, _NO_SCOPE, since=self._since, keep_alive=False)
            self._exchanges.append(exchange)
            self.fail(exchange, status, text)

    def may_continue(self, exchange: Exchange) -> bool:
        """Whether the connection can be used again after the answer that now begins."""
        if self.server.is_draining and len(self._exchanges) == 1:
            return False
        if exchange.complete:
            return True
        left = (exchange.expected or 0) - exchange.received
        return exchange.expected is not None and left <= _DISCARDED and not exchange.wants_continue

    def end(self, exchange: Exchange) -> None:
        """All of the answer is written."""
        self._settle(exchange, exchange.status)
        if exchange.complete or not exchange.keep_alive:
            self._finish(exchange)

    def fail(self, exchange: Exchange, status: int, text: str) -> None:
        """Answer with an error in place of the application, or break off what it has begun."""
        if exchange.task is not None and exchange.task is not asyncio.current_task():
            exchange.task.cancel()
        if exchange.started:
            self.abort()
            return
        after = [(b"retry-after", b"1")] if status in (429, 503) else []
        for message in error_answer(status, text, [*SECURITY, *after]):
            exchange.write(message)

    def expire(self, now: float) -> None:
        """Look whether what is awaited is overdue."""
        current = self._exchanges[0] if self._exchanges else None
        if current and current.deadline and now > current.deadline and not current.started:
            seconds = self.limits.answer_seconds
            self.fail(current, 504, f"no answer within {seconds:g} seconds")
        elif not self.deadline or now <= self.deadline:
            return
        elif self._lingers:
            self.abort()
        elif self.is_idle:
            self._linger()
        elif self._requests.in_header:
            self.refuse(408, f"the header took over {self.limits.header_seconds:g} seconds")
        elif self._reading is not None and self._reading is current and not current.answered:
            current.keep_alive = False
            self.fail(current, 408, f"the body took over {self.limits.body_seconds:g} seconds")
        else:
            self.abort()

    def close_if_idle(self) -> None:
        """End a connection that waits for a request."""
        if self.is_idle:
            self._linger()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def _give_up(self) -> None:
        if self._exchanges:
            self.abort()

    def _answer(self, exchange: Exchange) -> None:
        """Let the application answer, unless the header alone says why not."""
        size = exchange.expected or 0
        refusal = exchange.refusal or self._excess(size, size and self.server.held + size)
        if refusal:
            self.fail(exchange, *refusal)
        else:
            answering = exchange.run(self.server.application)
            exchange.task = asyncio.get_running_loop().create_task(answering)

    def _excess(self, size: int, held: int) -> tuple[int, str] | None:
        """Why a body of `size` bytes, with which `held` are in memory, is too much."""
        if size > self.limits.body:
            return 413, f"the body has over {self.limits.body:,} bytes"
        return (429, TOO_MUCH) if held > self.limits.held else None

    def _finish(self, exchange: Exchange) -> None:
        """Go on to the next request, or end the connection."""
        if self._exchanges and self._exchanges[0] is exchange:
            self._exchanges.popleft()
        if not exchange.keep_alive or (self._is_half and not self._exchanges):
            self._linger()
        elif self._exchanges:
            if len(self._exchanges) <= _PIPELINED:
                self.transport.resume_reading()
            self._answer(self._exchanges[0])
        elif not self._requests.in_header:
            self.deadline = self.server.now() + self.limits.idle_seconds

    def _linger(self) -> None:
        """End our side, and read on for a while: closing at once would destroy the answer."""
        if self._lingers or self.is_gone:
            return
        self._lingers = True
        self._requests.stop()
        self.deadline = self.server.now() + self.limits.linger_seconds
        if self._is_half:
            self.transport.close()
            return
        try:
            self.transport.resume_reading()
            self.transport.write_eof()
        except OSError:
            self.abort()

    def _settle(self, exchange: Exchange, status: int) -> None:
        """Count it, and hold nothing of it any more."""
        seconds = time.perf_counter() - exchange.since
        self.server.metrics.answered(route_of(exchange.scope["path"]), status, seconds)
        self.server.held -= exchange.held
        exchange.held = 0
