"""A child process of this Python that is told and tells JSON documents, one a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any


class LineProcess:
    """It starts at once; raises `OSError` where it cannot."""

    def __init__(
        self,
        program: Sequence[str],
        *,
        threads: int,
        inherited: Iterable[int] = (),
        is_heard: bool = True,
    ) -> None:
        """`program` are arguments of Python, `inherited` file descriptors that it may use.

        What it says on stderr is shown only if it `is_heard`.
        """
        self._process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if is_heard else subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=tuple(inherited),
            start_new_session=True,  # the terminal's Ctrl-C is for us, not for it
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout  # for a selector
        self._received = bytearray()

    @property
    def number(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, *documents: Mapping[str, Any]) -> None:
        """Tell it `documents`; where it has died, `receive` says so."""
        lines = "".join(f"{json.dumps(document)}\n" for document in documents)
        with suppress(BrokenPipeError):
            self._input.write(lines.encode())
            self._input.flush()

    def receive(self) -> bool:
        """Take what is there, waiting for the first of it; False where nothing more will come."""
        chunk = os.read(self.output.fileno(), 1 << 16)
        self._received += chunk
        return bool(chunk)

    def documents(self) -> Iterator[dict[str, Any]]:
        """What was received and not yet asked for."""
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        for line in lines:
            yield json.loads(line)

    def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        return self._process.wait()

    def end(self) -> None:
        """Kill it, if it is not over, and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        with suppress(BrokenPipeError):  # what it was still to read
            self._input.close()
        self.output.close()
