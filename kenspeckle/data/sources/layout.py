"""From the names of files to classes and splits: the same rules for folders, zip and tar.

One folder for each class, or `train`, `val` and `test` folders that hold these. Folders around
everything do not count, nor do folders inside a class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kenspeckle.data.listing import (
    Excluded,
    Item,
    Listing,
    Place,
    SplitName,
    in_order,
    printable,
    split_named,
)
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.errors import DataError

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A regular file in a folder or archive."""

    name: str  # relative to the source, with "/"; bytes that are no UTF-8 are surrogates
    place: Place


@dataclass(frozen=True)
class _Root:
    """Where classes begin in a name, and whether splits come before them."""

    depth: int  # folders around everything
    splits: dict[str, SplitName]  # by the folder's name; empty where there are none


def labelled(
    source: str,
    found: Iterable[Found],
    excluded: Iterable[Excluded],
    config: SourceConfig,
    *,
    folders: Iterable[str] = (),
    archive: str = "",
) -> Listing:
    """The listing of files that were `found`; `folders` may name classes without pictures.

    Raises `DataError` where nothing says which class any of them is.
    """
    files, others = _without_system_files(found, list(excluded))
    paths = [file.name.split("/") for file in files]
    directories = [name.split("/") for name in folders if not is_system(name)]
    root = _root([path[:-1] for path in paths])
    if mixed := _beside_splits([path[:-1] for path in paths], root):
        raise DataError(
            f"{source}: train stands beside {', '.join(mixed)}; a folder holds either splits or "
            "classes: move the others away, or rename train"
        )
    items = []
    for file, path in zip(files, paths, strict=True):
        name = printable(file.name)
        split, rest = _split(path, root)
        label = label_of(rest, config)
        if label is None:
            others.append(Excluded(name=name, reason="unlabelled", detail=_why_unlabelled(config)))
            continue
        group = first_group(config.group, path[-1])
        items.append(Item(name=name, label=label, place=file.place, split=split, group=group))
    if not items and files:
        raise DataError(
            f"{source}: no file in it has a class ({_why_unlabelled(config)}); make a folder for "
            "each class, or say how file names tell it, such as "
            "--set data.label=first-character"
        )
    classes = _classes(directories, root) if config.label == "folder" else []
    return in_order(source, items, others, classes=classes, archive=archive)


def _without_system_files(
    found: Iterable[Found], excluded: list[Excluded]
) -> tuple[list[Found], list[Excluded]]:
    files = []
    for file in found:
        if is_system(file.name):
            excluded.append(Excluded(name=printable(file.name), reason="system-file"))
        else:
            files.append(file)
    return files, excluded


def is_system(name: str) -> bool:
    """Whether any part of `name` is hidden or one that operating systems leave behind."""
    return any(part.startswith(".") or part.lower() in _SYSTEM_FILES for part in name.split("/"))


def _root(folders: Sequence[Sequence[str]]) -> _Root:
    """Pass over folders that hold only one other; a lone folder of pictures is a class."""
    depth = 0
    while True:
        names = {path[depth] for path in folders if len(path) > depth}
        splits = {name: split for name in names if (split := split_named(name))}
        if splits and splits.keys() == names and "train" in splits.values():
            return _Root(depth, splits)
        holds_files = any(len(path) == depth for path in folders)
        deeper = all(len(path) > depth + 1 for path in folders)
        if len(names) != 1 or holds_files or not deeper:
            return _Root(depth, {})
        depth += 1


def _beside_splits(folders: Sequence[Sequence[str]], root: _Root) -> list[str]:
    """The folders that are no splits beside `train` and `test` or `val`, which are."""
    names = {path[root.depth] for path in folders if len(path) > root.depth}
    splits = {split_named(name) for name in names} - {None}
    if root.splits or "train" not in splits or len(splits) < 2:
        return []
    return sorted(name for name in names if not split_named(name))


def _split(path: Sequence[str], root: _Root) -> tuple[SplitName | None, Sequence[str]]:
    """The split that a file is in, and its path from there on."""
    rest = path[root.depth :]
    if root.splits and len(rest) > 1:
        return root.splits[rest[0]], rest[1:]
    return None, rest


def label_of(rest: Sequence[str], config: SourceConfig) -> str | None:
    """The class of the file with the path `rest` from where classes begin, if that says it."""
    if config.label == "folder":
        return printable(rest[0]) if len(rest) > 1 else None
    if config.label == "first-character":
        return printable(rest[-1][0])
    return printable(first_group(config.label, rest[-1])) or None


def first_group(pattern: str, name: str) -> str:
    """What the first group of the regular expression is in `name`; "" where it is not there."""
    match = re.search(pattern, name) if pattern else None
    return (match[1] or "") if match else ""


def _why_unlabelled(config: SourceConfig) -> str:
    if config.label == "folder":
        return "it is in no class folder"
    return f"data.label {config.label!r} finds nothing in its name"


def _classes(folders: Sequence[Sequence[str]], root: _Root) -> list[str]:
    """The folders that stand where classes do, empty ones too."""
    names = []
    for path in folders:
        rest = path[root.depth :]
        if root.splits:
            rest = rest[1:] if rest and rest[0] in root.splits else []
        if rest:
            names.append(printable(rest[0]))
    return names
