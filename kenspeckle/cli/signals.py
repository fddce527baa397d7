"""SIGINT and SIGTERM during a training: the first asks it to save and end, the second ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


_SHOW_CURSOR = b"\x1b[?25h"


class StopOnSignal:
    """A context in which calling the object tells whether to stop; `say` shows what it does."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._received = 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopOnSignal:
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether a signal asked to stop."""
        return bool(self._received)

    @property
    def exit_code(self) -> int:
        """130 after SIGINT and 143 after SIGTERM, as shells expect."""
        return 128 + self._received

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received:
            if os.isatty(1):
                os.write(1, _SHOW_CURSOR)
            # at once: nothing is lost, because every file is replaced whole
            os._exit(128 + number)
        self._received = number
        self._say("saving a checkpoint, then stopping (again: stop at once)")
