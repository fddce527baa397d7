"""What a server and the processes that it started hold, as /proc tells."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of a process and all that it started."""

    processes: int
    memory: float  # MB resident, summed
    files: int  # open descriptors
    threads: int
    seconds: float  # of processor time


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                fields = _fields(int(folder.name))
                if fields[0] != "Z":
                    parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def usage(pid: int) -> Usage:
    """Of `pid` and its descendants, now."""
    memory = files = threads = processes = 0
    seconds = 0.0
    for each in [pid, *descendants(pid)]:
        with suppress(OSError):
            fields = _fields(each)
            memory += int(fields[21]) * _PAGE
            threads += int(fields[17])
            seconds += (int(fields[11]) + int(fields[12])) / _TICKS
            files += len(os.listdir(PROC / str(each) / "fd"))
            processes += 1
    return Usage(
        processes=processes, memory=memory / 1e6, files=files, threads=threads, seconds=seconds
    )


def proportional(pid: int) -> float:
    """MB of `pid` and its descendants; what several of them share counts once (PSS)."""
    total = 0
    for each in [pid, *descendants(pid)]:
        for line in (PROC / str(each) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total / 1e6


def command_of(pid: int) -> str:
    """The command line; empty where the process is gone."""
    with suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on; the name before it may hold anything."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
