"""What a source of picture files holds, before anybody has looked into the pictures.

A reader lists; it decodes nothing. Every name that it meets becomes an `Item` or an `Excluded`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kenspeckle.errors import DataError

SplitName = Literal["train", "validation", "test"]

REASONS = {  # why a file is not used; docs/data.md explains each, and nothing else is written
    "bad-checksum": "its checksum is wrong",
    "broken-link": "a link to something that is not there",
    "contradiction": "equal pixels under two labels",
    "crashed": "decoding it ended the decoding process",
    "damaged": "a picture whose content is damaged",
    "empty": "no bytes in it",
    "encrypted": "encrypted",
    "leak": "a copy of it, or one of its group, is in a later split of the source",
    "link": "a link inside an archive",
    "link-loop": "a link to a folder that was already visited",
    "missing": "listed, but not there",
    "no-ink": "nothing is drawn on it",
    "not-a-picture": "no picture in an accepted format",
    "repeated": "the same name a second time",
    "special": "a pipe, socket or device",
    "system-file": "a file that an operating system or program leaves behind",
    "timed-out": "decoding it took too long",
    "too-large": "more pixels or bytes than are accepted",
    "truncated": "a picture that is cut short",
    "unknown-class": "a class that has no pictures to train on",
    "unlabelled": "nothing says which class it is",
    "unreadable": "cannot be opened",
    "unsafe-name": "a name that leads out of its archive",
}
_SPLIT_NAMES: dict[str, SplitName] = {  # as folders and columns call them, in lower case
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the bytes of a picture are: in a file, or in a part of one."""

    path: str  # of a regular file; bytes that are no UTF-8 are surrogates, as `os.fsdecode` gives
    offset: int = 0
    size: int = -1  # bytes from `offset`; -1 = the whole file
    unpacked: int = -1  # bytes after inflating a raw deflate stream; -1 = not compressed
    checksum: int = -1  # CRC-32 of all its bytes, unpacked; -1 = its archive has none

    @property
    def values(self) -> tuple[str, int, int, int, int]:
        """What it consists of, in order; a tenth of the time of `dataclasses.astuple`."""
        return self.path, self.offset, self.size, self.unpacked, self.checksum


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One labelled picture."""

    name: str  # relative to the source, as `printable` gives it; unique in its listing
    label: str  # the name of its class
    place: Place
    split: SplitName | None = None  # where the source itself says so
    group: str = ""  # items of one group stay in one split; "" = in no group


@dataclass(frozen=True, kw_only=True, slots=True)
class Excluded:
    """Something that was found and is not used."""

    name: str
    reason: str  # a key of REASONS
    detail: str = ""  # what exactly, where the reason does not say it all

    def __post_init__(self) -> None:
        assert self.reason in REASONS, self.reason


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Every name in a source, each once; items and excluded in the order of their names."""

    source: str  # what the user typed
    items: tuple[Item, ...]
    excluded: tuple[Excluded, ...] = ()
    classes: tuple[str, ...] = ()  # that the source names, pictures or not, such as empty folders
    archive: str = ""  # the one file that it is read from; "" = the items are files of their own
    notes: tuple[str, ...] = ()  # how it was read, where the user should know

    @property
    def class_names(self) -> tuple[str, ...]:
        """All classes in natural order: "2" before "10"."""
        return tuple(sorted({*self.classes, *(item.label for item in self.items)}, key=natural))


def split_named(text: str) -> SplitName | None:
    """The split that a folder or a cell called `text` means, if it means one."""
    return _SPLIT_NAMES.get(text.strip().lower())


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key in which "2" comes before "10"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def printable(name: str) -> str:
    r"""`name` as one line of UTF-8: what is no text or would garble a terminal becomes \\xNN."""
    return name if name.isprintable() else "".join(map(_escaped, name))


def _escaped(letter: str) -> str:
    if letter.isprintable():
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def in_order(
    source: str,
    items: Iterable[Item],
    excluded: Iterable[Excluded],
    *,
    classes: Sequence[str] = (),
    archive: str = "",
) -> Listing:
    """A listing sorted by name; raise `DataError` where it holds no picture at all."""
    found = tuple(sorted(items, key=lambda item: natural(item.name)))
    others = tuple(sorted(excluded, key=lambda item: natural(item.name)))
    if not found:
        raise DataError(f"{source}: no labelled pictures in it{_why(others)}")
    return Listing(
        source=source, items=found, excluded=others, classes=tuple(classes), archive=archive
    )


def _why(excluded: Sequence[Excluded]) -> str:
    if not excluded:
        return ""
    first = excluded[0]
    reason = first.detail or REASONS[first.reason]
    return f" ({len(excluded):,} other files; {first.name}: {reason})"
