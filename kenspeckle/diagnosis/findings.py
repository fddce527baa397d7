"""A finding: its name, the number that it rests on, and one thing to change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or right."""

    name: str  # such as "the start is too large"
    evidence: str  # with the numbers
    advice: str  # one setting or command
    is_fault: bool = True
    why: str = ""  # what the numbers mean, in one line
