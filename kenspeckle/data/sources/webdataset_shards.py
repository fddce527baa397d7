"""The files of a WebDataset: shards by folder or range, their splits, the names of classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path

from kenspeckle.data.listing import SplitName, split_named
from kenspeckle.data.sources import shards
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

MAX_SHARDS = 100_000
CLASS_FILES = ("classes.txt", "classnames.txt", "class_names.txt", "labels.txt")
_MAX_NAMES = 1 << 20  # bytes of a file of class names
_RANGE = re.compile(r"\{([0-9]{1,9})\.\.([0-9]{1,9})\}|\{([^{}]*,[^{}]*)\}")


def shard_paths(text: str) -> list[Path]:
    """The files that `text` names: one shard, a folder of them, or `shard-{000..009}.tar`.

    In a folder these are its files, and those in folders in it called train, val or test. Raises
    `DataError` where a shard of a range is missing, or there are over 100,000.
    """
    path = Path(text)
    try:
        if path.is_dir():
            return _files(path)
        if path.exists() or not _RANGE.search(text):
            return [path]
        paths = [Path(name) for name in islice(_spelled_out(text), MAX_SHARDS + 1)]
        if len(paths) > MAX_SHARDS:
            raise DataError(f"{text}: at most {MAX_SHARDS:,} shards can be read")
        missing = [each for each in paths if not each.is_file()]
    except OSError as error:
        raise DataError(f"{text}: cannot be read: {error.strerror or error}") from error
    if missing or not paths:
        what = str(missing[0]) if missing else "the range is empty"
        raise DataError(f"{text}: {len(missing):,} of {len(paths):,} shards missing: {what}")
    return paths


def split_of(path: Path) -> SplitName | None:
    """The split that the name of a shard or of its folder means, as `train-000.tar` does."""
    return shards.split_of(path.stem) or split_named(path.parent.name)


def class_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The lines of `classes.txt` or the like beside the shards; empty where there is none."""
    folder = paths[0].parent
    for beside in (folder, folder.parent) if split_named(folder.name) else (folder,):
        for name in CLASS_FILES:
            path = beside / name
            if path.is_file():
                return _lines(path)
    return ()


def _files(folder: Path) -> list[Path]:
    entries = sorted(folder.iterdir())
    inner = [each for each in entries if split_named(each.name) and each.is_dir()]
    found = entries + [path for each in inner for path in sorted(each.iterdir())]
    return [path for path in found if path.is_file() and path.name not in CLASS_FILES]


def _spelled_out(text: str) -> Iterator[str]:
    """Every name that the ranges and lists in braces stand for, as a shell would write them."""
    parts: list[Sequence[str]] = []
    position = 0
    for match in _RANGE.finditer(text):
        parts += [[text[position : match.start()]], _choices(match, text)]
        position = match.end()
    parts.append([text[position:]])
    return map("".join, product(*parts))


def _choices(match: re.Match[str], text: str) -> Sequence[str]:
    if match[3]:
        return match[3].split(",")
    first, last = int(match[1]), int(match[2])
    if last - first >= MAX_SHARDS:
        raise DataError(f"{text}: at most {MAX_SHARDS:,} shards can be read")
    width = len(match[1]) if match[1].startswith("0") else 1
    return [f"{number:0{width}d}" for number in range(first, last + 1)]


def _lines(path: Path) -> tuple[str, ...]:
    try:
        with open_regular(path) as file:
            data = file.read(_MAX_NAMES + 1)
        if len(data) > _MAX_NAMES:
            raise DataError(f"{path}: over {_MAX_NAMES:,} bytes of class names")
        names = tuple(line.strip() for line in data.decode().splitlines())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: class names that are no UTF-8") from error
    while names and not names[-1]:
        names = names[:-1]
    if "" in names or len({*names}) < len(names):
        raise DataError(f"{path}: a class name is empty or there twice; one name a line")
    return names
