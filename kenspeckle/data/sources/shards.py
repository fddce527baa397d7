"""What the names of the files of a data set in parts say: `train-00000-of-00002.parquet`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from kenspeckle.data.listing import SplitName, split_named
from kenspeckle.errors import DataError

_NUMBER = re.compile(r"-([0-9]{1,6})-of-([0-9]{1,6})")


def split_of(name: str) -> SplitName | None:
    """The split that a word in the file name `name` says, if just one does."""
    words = re.split(r"[^a-z]+", name.lower())
    found = {split for word in words if (split := split_named(word))}
    return found.pop() if len(found) == 1 else None


def is_numbered(name: str) -> bool:
    """Whether `name` says which part of how many it is."""
    return bool(_NUMBER.search(name))


def check_complete(source: str, names: Sequence[str]) -> None:
    """Raise `DataError` where the numbers in `names` say that a part is missing."""
    numbers: dict[str, set[int]] = {}
    for name in names:
        if match := _NUMBER.search(name):
            pattern = f"{name[: match.start()]}-*-of-{match[2]}{name[match.end() :]}"
            numbers.setdefault(pattern, set()).add(int(match[1]))
    for pattern, found in sorted(numbers.items()):
        before, count, after = re.split(r"-\*-of-([0-9]+)", pattern, maxsplit=1)
        if len(found) < int(count):
            first = next(number for number in range(int(count)) if number not in found)
            missing = f"{before}-{first:0{len(count)}}-of-{count}{after}"
            raise DataError(
                f"{source}: {len(found):,} of {int(count):,} parts are there, {missing} is missing"
            )


def short_names(paths: Sequence[Path]) -> list[str]:
    """The names of `paths` from the last folder that all of them are in."""
    absolute = [os.path.abspath(path) for path in paths]
    if len(set(absolute)) < 2:
        return [os.path.basename(path) for path in absolute]
    above = os.path.commonpath(absolute)
    return [os.path.relpath(path, above) for path in absolute]
