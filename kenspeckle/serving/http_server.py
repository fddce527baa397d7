"""Listening, counting time, and ending without losing a request.

uvicorn closes its listener and its idle connections at once on SIGTERM, and so resets what was
accepted but not read yet (its issue 2757). Here new connections are held off first, everything
that has been accepted is answered, and connections without a request are kept for a moment.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
from contextlib import suppress
from email.utils import formatdate

from kenspeckle.serving.asgi import Application
from kenspeckle.serving.connection import Connection
from kenspeckle.serving.http_limits import HttpLimits
from kenspeckle.serving.metrics import Metrics

_LOOK = 0.25  # seconds between two looks at the deadlines
_SETTLE = 0.05  # seconds for handshakes that have begun to end
_READ = 1 << 18  # bytes at a time
_SO_ATTACH_FILTER = 26  # socket.h of Linux


class HttpServer:
    """Serves `application` on a bound socket."""

    def __init__(self, application: Application, *, limits: HttpLimits, metrics: Metrics) -> None:
        self.application = application
        self.limits = limits
        self.metrics = metrics
        self.is_draining = False
        self.held = 0  # bytes of bodies in memory
        # what arrives on any connection: it is taken out before the loop reads from another
        self.buffer = memoryview(bytearray(_READ))
        self.date = b""
        self.address: tuple[str, int] = ("", 0)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        metrics.held = lambda: self.held
        metrics.connections = lambda: len(self._connections)

    def now(self) -> float:
        """Seconds on the clock of the deadlines."""
        return asyncio.get_running_loop().time()

    async def start(self, listener: socket.socket) -> None:
        """Listen; `OSError` where another program listens there already."""
        self._listener = listener
        name = listener.getsockname()
        self.address = (name[0], name[1])
        self._look()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), sock=listener, backlog=1024
        )

    def opened(self, connection: Connection) -> None:
        """Note a new connection; one too many is closed."""
        if len(self._connections) >= self.limits.connections:
            connection.abort()
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    async def drain(self) -> None:
        """Answer everything that was accepted, then end; in time, whatever clients do."""
        self.is_draining = True
        limits, start = self.limits, self.now()
        if self._listener is not None:
            _hold_off(self._listener)
        await asyncio.sleep(_SETTLE)
        if self._server is not None:
            self._server.close()
        idle_until = start + limits.drain_idle_seconds
        while self._connections and self.now() < start + limits.drain_seconds:
            if self.now() > idle_until:
                for connection in list(self._connections):
                    connection.close_if_idle()
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.sleep(0)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in list(self._connections):
            connection.expire(now)
        self._timer = loop.call_later(_LOOK, self._look)


def _hold_off(listener: socket.socket) -> None:
    """Let the system ignore attempts to connect, so that closing finds no handshake to reset.

    They are repeated by the client's system after a second, and find the port closed. Only Linux
    can do this; elsewhere a connection made at the very moment of closing is reset.
    """
    if not sys.platform.startswith("linux"):
        return
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x30, 0, 0, 13),  # load the flags of the TCP header
            (0x54, 0, 0, 0x12),  # of these SYN and ACK
            (0x15, 0, 1, 0x02),  # SYN alone: go on, else skip one
            (0x06, 0, 0, 0),  # drop
            (0x06, 0, 0, 0xFFFFFFFF),  # keep
        )
    )
    held = ctypes.create_string_buffer(program)
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 5, ctypes.addressof(held))
        )
