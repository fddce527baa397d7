"""Numbers as people read them, the same everywhere."""

from __future__ import annotations

import math


def share(value: float, low: float, high: float, n: int) -> str:
    """A share with its uncertainty and its n, such as "99.24 % (99.05 to 99.39, n=10,000)"."""
    return f"{value:.2%} ({low * 100:.2f} to {high * 100:.2f}, n={n:,})".replace("%", " %", 1)


def percent(value: float, digits: int = 1) -> str:
    """A share in per cent, such as "99.2 %", on one line; "-" where there is none."""
    return "-" if math.isnan(value) else f"{value * 100:.{digits}f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Seconds as people read them: "3.2 s", "1 min 05 s", "2 h 10 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
