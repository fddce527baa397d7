"""SIGINT and SIGTERM: the first makes a command save and end, the second ends it.

Until the loop of a training asks for the first time, there is no state to save: the signal then
stops whatever goes on by an exception. From then on it waits to be asked for.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from kenspeckle.interruption import SIGNALS

_ONE = 1.0  # seconds in which several signals count as one: wrappers pass on what we got as well
_SOON = 0.05  # seconds
_ADVICE = "run the same command to begin again"
DECODED = "pictures decoded so far are kept, and the same command goes on from there"

Progress = Callable[[str, int, int], None]


class Stopped(KeyboardInterrupt):
    """A signal stopped a command; `advice` says how to go on."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.advice = _ADVICE

    @property
    def exit_code(self) -> int:
        """130 after SIGINT and 143 after SIGTERM, as shells expect."""
        return 128 + self.number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}; {self.advice}"


@contextmanager
def advising(advice: Callable[[], str]) -> Iterator[None]:
    """Give a `Stopped` that passes by the `advice` of then."""
    try:
        yield
    except Stopped as stopped:
        stopped.advice = advice()
        raise


_SHOW_CURSOR = b"\x1b[?25h"


def _aloud(line: str) -> None:
    # not print: a handler may interrupt another print in the middle
    os.write(2, f"ken: {line}\n".encode())


class StopOnSignal:
    """A context in which calling the object tells whether to stop; `say` shows what it does."""

    def __init__(self, say: Callable[[str], None] = _aloud) -> None:
        self._say = say
        self._received = 0
        self._since = 0.0  # when that was
        self._is_loaded = False
        self._is_asked = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopOnSignal:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._again)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether a signal asked to stop; from the first question on, signals wait for these."""
        self._is_asked = True
        return bool(self._received)

    def loaded(self) -> None:
        """Say that libraries are loaded and work begins, which must not simply end."""
        self._is_loaded = True

    def hearing(self, progress: Progress) -> Progress:
        """`progress`, which raises what an import or a destructor has swallowed."""

        def heard(what: str, done: int, total: int) -> None:
            if self._received and not self._is_asked:
                raise Stopped(self._received)
            progress(what, done, total)

        return heard

    @property
    def exit_code(self) -> int:
        """130 after SIGINT and 143 after SIGTERM, as shells expect."""
        return 128 + self._received

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received:
            if not self._is_asked and time.monotonic() - self._since < _ONE:
                return
            if os.isatty(1):
                os.write(1, _SHOW_CURSOR)
            # at once: nothing is lost, because every file is replaced whole
            os._exit(128 + number)
        self._received, self._since = number, time.monotonic()
        if not self._is_asked:
            self._again(number, frame)
            return
        self._say("saving a checkpoint, then stopping (again: stop at once)")

    def _again(self, _: int, frame: FrameType | None) -> None:
        """Raise `Stopped`, but not within an import: libraries in C++ abort the process then."""
        if self._is_asked:
            return
        stopped = Stopped(self._received)
        if not _is_importing(frame):
            raise stopped
        if self._is_loaded:
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        else:  # there is nothing to lose, and loading may take seconds
            os.write(2, f"ken: {stopped}\n".encode())
            os._exit(stopped.exit_code)


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
