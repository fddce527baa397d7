"""Pillow's warnings of odd metadata, silenced while threads decode."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_within = 0  # threads that decode now
_filters = warnings.catch_warnings()


@contextmanager
def silenced() -> Iterator[None]:
    """Ignore all warnings of the process while any thread is in such a block.

    `warnings.catch_warnings` alone restores, from the thread that ends last, what that one had
    found: the silence of another. So the first thread in changes the filters, the last one out
    restores them.
    """
    global _within, _filters
    with _lock:
        if not _within:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            warnings.simplefilter("ignore")
        _within += 1
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if not _within:
                _filters.__exit__(None, None, None)
