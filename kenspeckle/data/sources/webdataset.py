"""WebDataset: tar shards in which members of one base name are a picture and its label."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from kenspeckle.data.listing import Excluded, Item, Listing, Place, SplitName, in_order, printable
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.layout import Found, first_group, is_system, label_of
from kenspeckle.data.sources.members import Members
from kenspeckle.data.sources.tar import first_paths
from kenspeckle.data.sources.tar_archive import is_tar, placed, sort_member
from kenspeckle.data.sources.webdataset_shards import class_names, split_of
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

_SUFFIXES = ("cls", "json", "txt")  # of members that may say the class; the first one does
_KEYS = ("label", "cls", "class")  # of a JSON document
_MAX_BYTES = 1 << 20  # of a member that says the class
_MAX_LETTERS = 200  # of a class name; longer texts are captions
_LOOKED_AT = 64  # members of a shard that tell whether it is one
_FILES = 1000  # files that are looked at for shards


@dataclass(kw_only=True, slots=True)
class _Sample:
    """Members of one base name."""

    pictures: list[Found] = field(default_factory=list)
    labels: dict[str, Found] = field(default_factory=dict)  # by suffix


@dataclass(frozen=True, kw_only=True)
class _Shard:
    """What all pictures of a shard have in common."""

    prefix: str  # of their names; "" where there is one shard only
    split: SplitName | None
    classes: Sequence[str]
    config: SourceConfig


def is_webdataset(paths: Sequence[Path]) -> bool:
    """Whether there are tar archives among `paths`, and their members are samples."""
    archives = (path for path in paths[:_FILES] if is_tar(path))
    first = list(islice(archives, 3))
    return bool(first) and all(map(_is_shard, first))


def list_webdataset(
    paths: Sequence[Path], config: SourceConfig, *, source: str, spool: Path
) -> Listing:
    """Every member of all shards; members that say the class are part of their pictures.

    Raises `DataError` as `list_tar` does, and where no picture has a label.
    """
    if not paths:
        raise DataError(f"{source}: no shards in it")
    root = os.path.commonpath([path.absolute().parent for path in paths])
    classes = class_names(paths)
    splits = [split_of(path) for path in paths]
    items: list[Item] = []
    excluded: list[Excluded] = []
    for path, split in zip(paths, splits, strict=True):
        name = printable(os.path.relpath(path.absolute(), root))
        if not is_tar(path):
            excluded.append(_no_shard(path, name))
            continue
        shard = _Shard(
            prefix=f"{name}/" if len(paths) > 1 else "",
            split=split if "train" in splits else None,
            classes=classes,
            config=config,
        )
        for found in _listed(path, spool, shard):
            (items if isinstance(found, Item) else excluded).append(found)  # type: ignore[arg-type]
    archive = str(paths[0].absolute()) if len(paths) == 1 else ""
    named = [printable(name) for name in classes]
    return in_order(source, items, excluded, classes=named, archive=archive)


def _no_shard(path: Path, name: str) -> Excluded:
    if not path.is_file():
        return Excluded(name=name, reason="missing")
    reason = "not-a-picture" if path.stat().st_size else "empty"
    return Excluded(name=name, reason=reason, detail="no tar archive")


def _is_shard(path: Path) -> bool:
    """Whether most of the first members are a picture and what says its class."""
    suffixes: dict[str, set[str]] = {}
    for name in first_paths(path, _LOOKED_AT):
        key, suffix = _parts(name)
        suffixes.setdefault(key, set()).add(suffix)
    samples = sum(
        not found.isdisjoint(_SUFFIXES) and not found.issubset(_SUFFIXES)
        for found in suffixes.values()
    )
    return samples > 0 and 2 * samples >= len(suffixes)


def _parts(name: str) -> tuple[str, str]:
    """A sample's key is the name up to the first "." of its last part; the rest is the suffix."""
    folder, separator, last = name.rpartition("/")
    stem, _, suffix = last.partition(".")
    return f"{folder}{separator}{stem}", suffix.lower()


def _listed(path: Path, spool: Path, shard: _Shard) -> Iterable[Item | Excluded]:
    members = Members()
    for member, place in placed(path, spool):
        sort_member(members, member, place)
    for each in members.excluded:
        yield replace(each, name=shard.prefix + each.name)
    ours = [found for found in members.found if not is_system(found.name)]
    for found in members.found:
        if is_system(found.name):
            yield _excluded(shard, found, "system-file")
    for key, sample in _samples(ours).items():
        if not sample.pictures:
            for found in sample.labels.values():
                yield _excluded(shard, found, "missing", "a label without a picture")
            continue
        try:
            label = _label(sample, shard)
        except _NoLabelError as error:
            for found in sample.pictures:
                yield _excluded(shard, found, "unlabelled", str(error))
            continue
        for found in sample.pictures:
            yield _item(shard, key, sample, found, label)


def _samples(found: Iterable[Found]) -> dict[str, _Sample]:
    samples: dict[str, _Sample] = {}
    for member in found:
        key, suffix = _parts(member.name)
        sample = samples.setdefault(key, _Sample())
        if suffix in _SUFFIXES and suffix not in sample.labels:
            sample.labels[suffix] = member
        else:
            sample.pictures.append(member)
    return samples


def _excluded(shard: _Shard, found: Found, reason: str, detail: str = "") -> Excluded:
    return Excluded(name=shard.prefix + printable(found.name), reason=reason, detail=detail)


def _item(shard: _Shard, key: str, sample: _Sample, found: Found, label: str) -> Item:
    group = first_group(shard.config.group, found.name.rpartition("/")[2])
    if not group and len(sample.pictures) > 1:
        group = shard.prefix + printable(key)  # several pictures of one thing
    name = shard.prefix + printable(found.name)
    return Item(name=name, label=label, place=found.place, split=shard.split, group=group)


class _NoLabelError(Exception):
    """Why a sample has no label."""


def _label(sample: _Sample, shard: _Shard) -> str:
    """The class of a sample; raise `_NoLabelError` where nothing says it."""
    config = shard.config
    if config.label != "folder":
        label = label_of([sample.pictures[0].name.rpartition("/")[2]], config)
        if not label:
            raise _NoLabelError(f"data.label {config.label!r} finds nothing in its name")
        return label
    for suffix in _SUFFIXES:
        if suffix in sample.labels:
            text = _content(sample.labels[suffix].place)
            if value := _of_document(text) if suffix == "json" else text.strip():
                return _named(value, suffix, shard.classes)
    raise _NoLabelError("no .cls, .json or .txt says its class")


def _named(text: str, suffix: str, classes: Sequence[str]) -> str:
    if len(text) > _MAX_LETTERS or "\n" in text:
        raise _NoLabelError(f".{suffix} has over {_MAX_LETTERS} letters or several lines")
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return printable(text)
    number = int(text)
    if not classes:
        return str(number)
    if not 0 <= number < len(classes):
        raise _NoLabelError(f"label {number}, but there are {len(classes):,} class names")
    return printable(classes[number])


def _content(place: Place) -> str:
    if place.size > _MAX_BYTES:
        raise _NoLabelError(f"its label has over {_MAX_BYTES:,} bytes")
    try:
        with open_regular(place.path) as file:
            file.seek(place.offset)
            return file.read(place.size).decode()
    except OSError as error:
        raise DataError(f"{place.path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _NoLabelError("its label is no UTF-8") from error


def _of_document(text: str) -> str:
    """The label in a JSON document; "" where it says none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _NoLabelError("its .json is damaged") from error
    if not isinstance(document, dict):
        return ""
    for key in _KEYS:
        value = document.get(key)
        if isinstance(value, str) or type(value) is int:
            # half of a surrogate pair, which JSON can name, is no text
            return str(value).encode("utf-8", "replace").decode().strip()
    return ""
