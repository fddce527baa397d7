"""How commands print: a console for people, one JSON line for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

from kenspeckle.storage import without_nan


def console(*, quiet: bool = False) -> Console:
    """The terminal; wide enough for any table when it is a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, quiet=quiet)


def print_json(document: Any) -> None:
    """One line of strict JSON; what is not a number, such as an undefined share, becomes null."""
    print(json.dumps(without_nan(document), allow_nan=False))


def share(value: float, low: float, high: float, n: int) -> str:
    """A share with its uncertainty and its n, such as "99.24 % (99.05 to 99.39, n=10,000)"."""
    return f"{value:.2%} ({low * 100:.2f} to {high * 100:.2f}, n={n:,})".replace("%", " %", 1)


def duration(seconds: float) -> str:
    """Seconds as people read them: "3.2 s", "1 min 05 s", "2 h 10 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
