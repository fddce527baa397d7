"""The server's side of the processes that compute: a template, and what is forked from it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kenspeckle.errors import ServingError
from kenspeckle.serving.frames import Header, Payload, Unpacker, packed
from kenspeckle.serving.library import Library

_STARTING = 60.0  # seconds in which a library is loaded, or a model
_TAIL = 4096  # bytes of what a process wrote to stderr that are kept


class Template:
    """A process that has loaded what computing takes, and forks others on order."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._starting = asyncio.Lock()
        self.tail = b""  # the last that it or what it forked wrote to stderr

    async def fork(self, order: Header, model: int, heard: Heard, gone: Gone) -> Channel:
        """A process that works on `order` with the open file `model`.

        What it says goes to `heard`, and its end to `gone`.
        """
        loop = asyncio.get_running_loop()
        async with self._starting:
            try:
                if self._process is None or self._process.poll() is not None:
                    await self._start()
                ours = self._ordered(order, model)
            except OSError as error:
                self.stop()
                raise ServingError(f"no process can be started: {error.strerror}") from error
        ours.setblocking(False)
        _, channel = await loop.create_connection(lambda: Channel(heard, gone), sock=ours)
        return channel

    def _ordered(self, order: Header, model: int) -> socket.socket:
        """Our end of the connection to what is forked now; `OSError` where nothing can be."""
        assert self._orders is not None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                line = json.dumps(order).encode() + b"\n"
                socket.send_fds(self._orders, [line], [theirs.fileno(), model])
            except OSError:
                ours.close()
                raise
        return ours

    def kill(self, number: int) -> None:
        """End a process that was forked, at once; nothing happens where it has ended already."""
        with suppress(OSError):
            if self._orders is not None:
                self._orders.send(json.dumps({"kill": number}).encode() + b"\n")

    def stop(self) -> None:
        """End it and all that it forked."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            process, self._process = self._process, None
            assert process.stderr is not None
            asyncio.get_running_loop().remove_reader(process.stderr.fileno())
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stderr.close()

    async def _start(self) -> None:
        self.stop()
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        # threads of a numerical library would not survive a fork, and those that spin while
        # they wait take ten times the work of a photograph from others on a busy machine
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "kenspeckle.serving.inference_process",
                    str(theirs.fileno()),
                    self._library,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=environment,
            )
        assert self._process.stderr is not None
        errors = self._process.stderr.fileno()
        os.set_blocking(errors, False)
        loop.add_reader(errors, self._read_errors, errors)
        ours.setblocking(False)
        try:
            async with asyncio.timeout(_STARTING):
                ready = await loop.sock_recv(ours, 4096)
        except (TimeoutError, OSError):
            ready = b""
        ours.setblocking(True)
        self._orders = ours
        if not ready:
            await asyncio.sleep(0.05)  # for what it wrote to be read
            self.stop()
            last = self.tail.decode(errors="replace").strip().splitlines()[-1:]
            raise ServingError(
                f"the process that loads models did not start{': ' if last else ''}"
                f"{last[0] if last else ''}"
            )

    def _read_errors(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
        self.tail = (self.tail + data)[-_TAIL:]


Heard = Callable[[Header, bytes], None]
Gone = Callable[["Channel"], None]


class Channel(asyncio.Protocol):
    """Messages to and from one process; its end is noticed by the end of the connection."""

    def __init__(self, heard: Heard, gone: Gone) -> None:
        self._heard, self._gone = heard, gone
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: D102
        for header, payload in self._unpacker.feed(data):
            self._heard(header, payload)

    def connection_lost(self, _: Exception | None) -> None:  # noqa: D102
        self._transport = None
        self._gone(self)

    def say(self, header: Header, parts: list[Payload]) -> None:
        """Send a message; it is lost, and `gone` called, where the process has ended."""
        if self._transport is not None:
            for piece in packed(header, parts):
                # a view, because asyncio slices what the socket does not take at once
                self._transport.write(memoryview(piece))

    def close(self) -> None:
        """Let the process end: it works until its end of the connection is closed."""
        if self._transport is not None:
            self._transport.close()


class Worker:
    """A process that answers with one model; `facts` is what it said of the model."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._channel: Channel | None = None
        self._ready: asyncio.Future[Header] | None = None
        self.facts: dict[str, Any] = {}
        self.is_gone = False
        self.answered: Callable[[Worker, Header, bytes], None] = lambda *_: None
        self.ended: Callable[[Worker], None] = lambda *_: None

    async def start(self, model: str, file: int) -> None:
        """Load the open `file`, called `model`; raise `ServingError` where that cannot be."""
        self._ready = asyncio.get_running_loop().create_future()
        order = {"work": "answer", "model": model}
        self._channel = await self._template.fork(order, file, self._hear, self._end)
        try:
            async with asyncio.timeout(_STARTING):
                self.facts = await self._ready
        except TimeoutError:
            self._channel.close()
            raise ServingError(f"{model}: not loaded within {_STARTING:.0f} seconds") from None
        if "error" in self.facts:
            raise ServingError(self.facts["error"])
        self.class_names: tuple[str, ...] = tuple(self.facts["class_names"])
        self.version: str = self.facts["version"]
        self.seconds: float = self.facts["seconds"]  # that one small picture takes

    def give(self, items: list[Any], parts: list[Payload]) -> None:
        """Send a batch; the answer goes to `answered`, and its death to `ended`."""
        assert self._channel is not None
        self._channel.say({"items": items}, parts)

    def kill(self) -> None:
        """End it at once, because it hangs."""
        self._template.kill(self.facts["pid"])
        self.close()  # enough where the template has been killed itself

    def close(self) -> None:
        """Let it end; it has no work."""
        if self._channel is not None:
            self._channel.close()

    def _hear(self, header: Header, payload: bytes) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(header)
        else:
            self.answered(self, header, payload)

    def _end(self, _: Channel) -> None:
        self.is_gone = True
        if self._ready is not None and not self._ready.done():
            self._ready.set_result({"error": "the inference process ended while it loaded a model"})
        self.ended(self)
