"""How the files of a source are read; it lives beside the readers that it configures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_PIXELS = 100_000_000  # 300 MB as RGB; phones with 200 million offer smaller pictures


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """What the labels are, and what is accepted."""

    # "folder" = the folder's name; "first-character" = of the file's name (seed document 004);
    # anything else: a regular expression, whose first group in the file's name is the label
    label: str = "folder"
    group: str = ""  # a regular expression; files with the same first group stay in one split
    path_column: str = ""  # of a table; "" = by its usual names
    label_column: str = ""
    split_column: str = ""
    group_column: str = ""
    max_pixels: int = MAX_PIXELS  # of one picture
    # off: pictures are decoded whenever they are needed, for sources that the disk cannot hold
    cache: Literal["on", "off"] = "on"
    near_duplicates: Literal["auto", "off"] = "auto"  # whether they are kept in one split
    corrections: str = ""  # a CSV of corrected labels, as `ken diagnose --apply` writes it

    def __post_init__(self) -> None:
        if not 1 <= self.max_pixels <= 2**31:
            raise ValueError(f"max_pixels must be in 1..{2**31}, got {self.max_pixels}")
        for name in ("label", "group"):
            pattern = getattr(self, name)
            if not pattern or (name == "label" and pattern in ("folder", "first-character")):
                continue
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{name} is no regular expression: {error}") from error
            if groups < 1:
                raise ValueError(
                    f"{name} must have a group in parentheses that is the {name}, got {pattern!r}"
                )
        if not self.label:
            raise ValueError('label must be "folder", "first-character" or a regular expression')
