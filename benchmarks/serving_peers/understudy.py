"""A server that knows its answers from files: the control of every test in `soak.py`.

Without a fault it does all that the tests demand, so a test that fails it is wrong; with one it
fails in one way, so a test that passes it is blind. It is no model server and no example.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from serving_load.expected import Expected
from serving_load.messages import BOUNDARY
from strict_http import Refused, Request, take_request

FAULTS = {
    "none": "",
    "lose": "closes instead of answering",
    "reset": "resets instead of answering",
    "mix": "gives the answer to another picture",
    "wrong": "is off by 0.00001",
    "hang": "never answers",
    "leak": "keeps 100 kB of every request",
    "leak-files": "keeps a file open for every client that goes",
    "unbounded": "takes in whatever comes",
    "silent": "does not say when to come again",
    "abrupt": "ends at once when it is told to stop",
    "stuck": "answers nothing after its inference process ended",
    "blocking": "reads one client at a time",
    "patient": "waits for slow clients for ever",
    "brittle": "answers 500 to what it cannot read",
    "stale": "names the new model and gives the answers of the old one",
}
ROUTES = {
    "/": ("GET", "HEAD"),
    "/predict": ("POST",),
    "/metrics": ("GET", "HEAD"),
    "/v2/health/live": ("GET", "HEAD"),
    "/v2/health/ready": ("GET", "HEAD"),
    "/v2/repository/models/model/load": ("POST",),
}
_BORDER = b"--" + BOUNDARY.encode()
REASONS = {200: "OK", 429: "Too Many Requests"}


class Understudy:
    """Its answers, its queue and its faults."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.models = {each.version: each for each in map(Expected.read, chosen.answers)}
        self.version = next(iter(self.models))
        first = self.models[self.version]
        self.pictures = {
            hashlib.sha256(path.read_bytes()).digest(): place
            for place, path in enumerate(first.paths)
        }
        self.queue: deque[tuple[Client, list[int]]] = deque()
        self.clients: set[Client] = set()
        self.is_draining = False
        self.kept: list[Any] = []
        self.reader: Client | None = None  # who is read, where the fault is "blocking"
        self.is_stuck = False
        self.previous = self.version
        self.start_child()

    def start_child(self) -> None:
        """What may be killed; it does nothing."""
        code = "import time; time.sleep(1e6)"
        self.child = subprocess.Popen([sys.executable, "-c", code, "inference_process"])

    def is_fault(self, name: str) -> bool:
        """Whether this is the moment to misbehave so."""
        return bool(self.chosen.fault == name and random.random() < self.chosen.share)

    def answer(self, pictures: Sequence[int]) -> bytes:
        """The body of a 200."""
        model = self.models[self.version]
        source = self.models[self.previous] if self.chosen.fault == "stale" else model
        found = []
        for picture in pictures:
            if self.is_fault("mix"):
                picture = (picture + 1) % len(model.paths)
            row = source.probabilities[picture].tolist()
            label = model.class_names[max(range(len(row)), key=row.__getitem__)]
            if self.is_fault("wrong"):
                row[0] += 1e-5
            shares = dict(zip(model.class_names, row, strict=True))
            found.append({"label": label, "probability": max(row), "probabilities": shares})
        document = {"model": "model", "version": self.version, "predictions": found}
        return json.dumps(document).encode()

    def find(self, body: bytes) -> list[int]:
        """The pictures of a body, which is one or a form of several; none where one is unknown."""
        bodies = [body]
        if body.startswith(_BORDER):
            parts = body.split(_BORDER)[1:-1]
            bodies = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]
        places = [self.pictures.get(hashlib.sha256(each).digest(), -1) for each in bodies]
        return places if min(places, default=-1) >= 0 else []

    def swap(self) -> None:
        """Read the model file again; it is known by its hash alone."""
        version = hashlib.sha256(Path(self.chosen.model).read_bytes()).hexdigest()[:12]
        if version in self.models:
            self.previous, self.version = self.version, version

    async def work(self) -> None:
        """Take from the queue, one at a time, as long as one would take."""
        while True:
            if self.child.poll() is not None:
                self.is_stuck = self.is_stuck or self.chosen.fault == "stuck"
                self.start_child()
            if self.is_stuck or not self.queue:
                await asyncio.sleep(0.001)
                continue
            began = time.monotonic()
            client, pictures = self.queue.popleft()
            client.answer(200, self.answer(pictures))
            await asyncio.sleep(max(0.0, self.chosen.service - (time.monotonic() - began)))


class Client(asyncio.Protocol):
    """One connection; a request is read whole before the next."""

    def __init__(self, owner: Understudy) -> None:
        self.owner = owner
        self.buffer = bytearray()
        self.is_waiting = False
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        self.transport = cast(asyncio.Transport, transport)
        self.owner.clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """By asyncio."""
        self.owner.clients.discard(self)
        if self.owner.reader is self:
            self.owner.reader = None
        if self.deadline:
            self.deadline.cancel()
        if self.owner.chosen.fault == "leak-files":
            self.owner.kept.append(open(os.devnull))  # noqa: SIM115 - this is the fault

    def data_received(self, data: bytes) -> None:
        """By asyncio."""
        self.buffer += data
        self.read()

    def read(self) -> None:
        """Act on a whole request."""
        owner = self.owner
        if owner.chosen.fault == "blocking":
            if owner.reader and owner.reader is not self:
                asyncio.get_running_loop().call_later(0.01, self.read)
                return
            owner.reader = self
        if self.is_waiting or not self.buffer:
            return
        if not self.deadline and owner.chosen.fault not in ("patient", "blocking"):
            self.deadline = asyncio.get_running_loop().call_later(
                owner.chosen.deadline, self.answer, 408, b""
            )
        if request := self.request():
            method, path, body = request
            if self.deadline:
                self.deadline.cancel()
                self.deadline = None
            owner.reader = None
            self.is_waiting = True
            self.act(method, path, body)

    def request(self) -> Request | None:
        """The next whole request, taken out of the buffer; what is none is answered."""
        try:
            return take_request(self.buffer)
        except Refused as refused:
            is_brittle = self.owner.chosen.fault == "brittle" and refused.status == 400
            self.refuse(500 if is_brittle else refused.status)
            return None

    def refuse(self, status: int) -> None:
        """Answer and close."""
        self.answer(status, b"", close=True)

    def act(self, method: str, path: str, body: bytes) -> None:
        """Answer, now or from the queue."""
        owner = self.owner
        allowed = ROUTES.get(path.partition("?")[0])
        if allowed is None:
            self.answer(404, b"")
        elif method not in allowed:
            self.answer(405, b"", more=f"Allow: {', '.join(allowed)}\r\n")
        elif path == "/v2/repository/models/model/load":
            owner.swap()
            self.answer(200, b"{}")
        elif path == "/v2/health/ready" and owner.is_draining:
            self.answer(503, b"")
        elif path != "/predict":
            self.answer(200, b"{}" if method == "GET" else b"")
        elif pictures := owner.find(body):
            self.predict(pictures)
        else:
            self.answer(422, b'{"error": "no picture"}')

    def predict(self, pictures: list[int]) -> None:
        """Answer now, or when its turn comes."""
        owner = self.owner
        if owner.is_fault("lose"):
            self.transport.close()
        elif owner.is_fault("reset"):
            its: socket.socket = self.transport.get_extra_info("socket")
            its.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif not owner.is_fault("hang"):
            if owner.chosen.fault == "leak":
                owner.kept.append(os.urandom(100_000))
            if len(owner.queue) >= owner.chosen.queue and owner.chosen.fault != "unbounded":
                more = "" if owner.chosen.fault == "silent" else "Retry-After: 1\r\n"
                self.answer(429, b"", more=more)
            elif owner.chosen.service or owner.is_stuck or owner.child.poll() is not None:
                owner.queue.append((self, pictures))
            else:
                self.answer(200, owner.answer(pictures))

    def answer(self, status: int, body: bytes, *, more: str = "", close: bool = False) -> None:
        """Write an answer; the next request may follow."""
        self.is_waiting = False
        close = close or status == 408 or self.owner.is_draining
        more += "Connection: close\r\n" if close else ""
        reason = REASONS.get(status, "Other")
        head = f"HTTP/1.1 {status} {reason}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        if close:
            self.transport.close()
        elif self.buffer:
            asyncio.get_running_loop().call_soon(self.read)


async def serve(chosen: argparse.Namespace) -> None:
    """Until SIGTERM, and then until everyone who asked has an answer."""
    owner = Understudy(chosen)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, owner.swap)
    server = await loop.create_server(lambda: Client(owner), "127.0.0.1", 0, backlog=2048)
    worker = loop.create_task(owner.work())
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    if chosen.fault != "abrupt":
        owner.is_draining = True
        await asyncio.sleep(0.3)  # requests that are on their way are answered, with a close
        server.close()
        await asyncio.sleep(0.3)
        while owner.queue:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    worker.cancel()
    owner.child.kill()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("answers", nargs="+", type=Path, help="what offline.py wrote")
    parser.add_argument("--fault", choices=FAULTS, default="none")
    parser.add_argument("--share", type=float, default=0.01, help="of the requests it strikes")
    parser.add_argument("--service", type=float, default=0.0, help="seconds for one picture")
    parser.add_argument("--queue", type=int, default=64, help="pictures that may wait")
    parser.add_argument("--deadline", type=float, default=10.0, help="seconds for a request")
    parser.add_argument("--model", default="", help="the model file, for swaps")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
