"""The server's side of the process that looks into the network: started when first asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kenspeckle.errors import DataError, ServingError
from kenspeckle.serving.batching import Refused
from kenspeckle.serving.frames import Header
from kenspeckle.serving.processes import Channel, Template

_WAITING = 8  # requests at most
_SECONDS = 30.0  # for one; then the process is ended


class Explainer:
    """One request at a time, in a process of its own."""

    def __init__(self, template: Template, *, model: Path, run: Path | None) -> None:
        self._template, self._model, self._run = template, model, run
        self._channel: Channel | None = None
        self._number = 0  # of the process
        self._version = ""
        self._said: asyncio.Future[Header] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def tell(
        self, picture: bytes, *, file: int, version: str, label: str, parts: Sequence[str]
    ) -> dict[str, Any]:
        """What `Insight.of` says, with the model `version` in the open `file`.

        Raises `DataError` for a picture that cannot be used, and `Refused` where too many wait.
        """
        if self._waiting >= _WAITING:
            raise Refused(after=1)
        self._waiting += 1
        try:
            async with self._turn:
                await self._start(file, version)
                asked = {"label": label, "parts": list(parts)}
                told = await self._ask(asked, picture)
        finally:
            self._waiting -= 1
        if "error" in told:
            raise DataError(told["error"])
        return told

    async def _start(self, file: int, version: str) -> None:
        """Have a process with this version of the model."""
        if self._channel is not None and self._version == version:
            return
        if self._channel is not None:
            previous, self._channel = self._channel, None
            previous.close()
        order = {
            "work": "insight",
            "model": str(self._model),
            "run": str(self._run) if self._run else "",
        }
        said = self._said = asyncio.get_running_loop().create_future()
        self._version = ""
        channel = await self._template.fork(order, file, self._hear, self._end)
        self._channel, self._number = channel, 0
        ready = await self._wait(said)
        if "error" in ready:
            raise ServingError(ready["error"])
        self._number, self._version = ready["pid"], ready["version"]

    async def _ask(self, asked: Header, picture: bytes) -> Header:
        assert self._channel is not None
        said = self._said = asyncio.get_running_loop().create_future()
        channel = self._channel
        try:
            channel.say(asked, [picture])
            told = await self._wait(said)
        except asyncio.CancelledError:  # the client is gone, and its answer would be the next's
            self._forget()
            raise
        return told

    async def _wait(self, said: asyncio.Future[Header]) -> Header:
        try:
            async with asyncio.timeout(_SECONDS):
                return await said
        except TimeoutError:
            self._forget()
            raise Refused(after=1, status=503, reason="looking inside took too long") from None

    def _hear(self, told: Header, _: bytes) -> None:
        if self._said is not None and not self._said.done():
            self._said.set_result(told)

    def _end(self, ended: Channel) -> None:
        if ended is not self._channel:
            return  # one that was replaced
        self._channel, self._number = None, 0
        if self._said is not None and not self._said.done():
            self._said.set_exception(
                Refused(after=1, status=503, reason="the process that looks inside has ended")
            )

    def _forget(self) -> None:
        """End the process; the next request starts another."""
        if self._number:
            self._template.kill(self._number)
        if self._channel is not None:
            self._channel.close()
        self._channel, self._number = None, 0
