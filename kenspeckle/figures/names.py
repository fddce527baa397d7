"""Class names in figures: text of strangers, so shortened, printable, and never a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, TypedDict

from matplotlib.font_manager import findfont, get_font


class Plain(TypedDict):
    """What keeps matplotlib from reading a dollar sign as mathematics."""

    parse_math: bool


PLAIN = Plain(parse_math=False)


def shown(name: str, most: int = 14, *, cut: Literal["start", "end"] = "end") -> str:
    """`name` in one line of at most `most` characters; what the font lacks is a white square."""
    line = "".join(
        letter if letter.isprintable() and ord(letter) in _drawable() else "\N{WHITE SQUARE}"
        for letter in " ".join(name.split())
    )
    if len(line) <= most:
        return line
    return f"…{line[1 - most :]}" if cut == "start" else f"{line[: most - 1]}…"


def longest(names: Sequence[str]) -> int:
    """Characters of the longest of `names`."""
    return max(map(len, names), default=0)


def joined(names: Iterable[str]) -> str:
    """Such as "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
