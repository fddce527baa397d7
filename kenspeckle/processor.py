"""What a process may use, and how; apart from `device`, which loads torch."""

from __future__ import annotations

import ctypes
import os
import platform

_SMALL = 64 * 64  # pixels of an input below which a second thread takes longer to wake than to help
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # malloc.h of glibc


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS does not tie processes to cores


def threads_for(height: int, width: int) -> int:
    """Threads for a network of that input: one if it is small, else all, or as the user said."""
    if height * width < _SMALL:
        return 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isascii() and said.isdigit() and int(said) else cores()


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks: handing batches back to the system costs page faults."""
    _set(_M_MMAP_THRESHOLD, 32 << 20)  # the largest value that glibc accepts
    _set(_M_TRIM_THRESHOLD, 1 << 30)


def keep_freed_batches() -> None:
    """`keep_freed_memory`, blocks over 32 MiB too, as 64 pictures of 224 x 224 in float32 are.

    The page faults of such a batch take 17 times as long as filling it.
    """
    keep_freed_memory()
    _set(_M_MMAP_MAX, 0)


def _set(option: int, value: int) -> None:
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(option, value)
