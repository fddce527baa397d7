"""The course of a number in a few characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
LETTERS = "_.-=+*#@"  # for terminals whose encoding has no blocks


def sparkline(values: Sequence[float], width: int, *, marks: str = BLOCKS) -> str:
    """The course of `values` in at most `width` characters, the lowest and highest of `marks`."""
    if not values:
        return ""
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    parts = [values[a:b] for a, b in pairwise(edges) if a < b]
    means = [sum(part) / len(part) for part in parts]
    low, high = min(means), max(means)
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    return "".join(marks[round((mean - low) * scale)] for mean in means)
