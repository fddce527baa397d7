"""Ctrl-C and SIGTERM: work that must not be stopped in its middle lets them wait."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block, which must be short."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hears signals in the main thread alone
        return
    received: list[int] = []

    def wait(number: int, _: FrameType | None) -> None:
        received.append(number)

    with ExitStack() as stack:  # which restores the second handler even if the first is called
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before is not None:  # None was not set by Python
                stack.callback(signal.signal, number, before)
                signal.signal(number, wait)
        yield
    # on an error this is not reached: what stops the work is on its way already
    if received:
        signal.raise_signal(received[0])
