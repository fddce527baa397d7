"""From rows that name pictures to a listing: each row is an item, or excluded with its reason."""

from __future__ import annotations

import errno
import math
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kenspeckle.data.listing import (
    REASONS,
    Excluded,
    Item,
    Listing,
    Place,
    SplitName,
    in_order,
    printable,
    split_named,
)
from kenspeckle.errors import DataError

_ORDER: tuple[SplitName | None, ...] = (None, "train", "validation", "test")
_LISTED = 5  # unknown words that an error names
_SHOWN = 60  # letters of a cell in a message


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table, as text."""

    number: int  # as the user finds it again
    path: str  # of the picture, as the row has it; "" = it has none
    label: str
    split: str = ""
    group: str = ""
    place: Place | None = None  # of bytes that are not in a file of their own


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one file; "table" in a message is this file."""

    rows: Sequence[Row]
    table: str  # as an error names it
    folder: str  # that paths are relative to
    prefix: str = ""  # of the names of its items, where there are several files
    split_column: str = ""
    split: SplitName | None = None  # of rows that do not say one
    classes: tuple[str, ...] = ()


def class_name(value: object) -> str:
    """A label as the name of its class: 3 and 3.0 are "3"; None and NaN are no label, ""."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value).strip()
    if re.fullmatch(r"-?[0-9]+\.0+", text):  # what programs make of a column with empty cells
        text = text.partition(".")[0]
    return printable(text)


def listing_of(source: str, parts: Iterable[Part], *, archive: str = "") -> Listing:
    """The listing of all rows; raise `DataError` where a split is none, or nothing is labelled."""
    items: list[Item] = []
    excluded: list[Excluded] = []
    classes: list[str] = []
    names: set[str] = set()
    for part in parts:
        _check_splits(part)
        classes += part.classes
        labelled, others = _labelled(part, names)
        excluded += others
        kept, others = _once(part, labelled)
        excluded += others
        for row, name in kept:
            place, problem = (row.place, None) if row.place else _found(part, row, name)
            if problem:
                excluded.append(problem)
                continue
            assert place is not None
            items.append(
                Item(
                    name=name,
                    label=row.label,
                    place=place,
                    split=split_named(row.split) or part.split,
                    group=printable(row.group),
                )
            )
    return in_order(source, items, excluded, classes=classes, archive=archive)


def shown(cell: str) -> str:
    """A cell in a message: one line, and not a long one."""
    return printable(cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}...")


def _check_splits(part: Part) -> None:
    unknown: dict[str, int] = {}
    for row in part.rows:
        if row.split.strip() and split_named(row.split) is None:
            unknown.setdefault(row.split, row.number)
    if unknown:
        named = [f"{shown(word)!r} (row {row:,})" for word, row in unknown.items()]
        more = f" and {len(named) - _LISTED:,} more" if len(named) > _LISTED else ""
        raise DataError(
            f"{part.table}: column {part.split_column!r} says {', '.join(named[:_LISTED])}{more}; "
            "expected train, validation or test"
        )


def _labelled(part: Part, names: set[str]) -> tuple[list[tuple[Row, str]], list[Excluded]]:
    """The rows with a path and a label, and the names that they get; `names` are taken."""
    labelled, excluded = [], []
    for row in part.rows:
        name = part.prefix + (printable(row.path) or f"row {row.number}")
        if name in names:
            name = f"{name} (row {row.number})"
        while name in names:  # another row's path looks just like this
            name += "'"
        names.add(name)
        if not row.path and not row.place:
            excluded.append(_excluded(row, name, "missing", "no path"))
        elif not row.label:
            excluded.append(_excluded(row, name, "unlabelled", "no label"))
        else:
            labelled.append((row, name))
    return labelled, excluded


def _once(
    part: Part, rows: Sequence[tuple[Row, str]]
) -> tuple[list[tuple[Row, str]], list[Excluded]]:
    """Each path in one row: the first of its latest split; none where labels differ."""
    same: dict[object, list[tuple[Row, str]]] = {}
    for row, name in rows:
        key = row.place or os.path.normpath(os.path.join(part.folder, row.path))
        same.setdefault(key, []).append((row, name))
    kept, excluded = [], []
    for copies in same.values():
        labels = sorted({row.label for row, _ in copies})
        if len(labels) > 1:
            where = _and([f"{row.number:,}" for row, _ in copies])
            detail = f"rows {where} say {_and([shown(label) for label in labels])}"
            excluded += [
                Excluded(name=name, reason="contradiction", detail=detail) for _, name in copies
            ]
            continue
        last = max(copies, key=lambda copy: _ORDER.index(split_named(copy[0].split)))[0]
        for row, name in copies:
            if row is last:
                kept.append((row, name))
                continue
            final = split_named(last.split)
            is_leak = final not in (None, "train", split_named(row.split))
            excluded.append(
                Excluded(
                    name=name,
                    reason="leak" if is_leak else "repeated",
                    detail=f"the same path in row {last.number:,}"
                    + (f", split {final}" if is_leak else ""),
                )
            )
    return kept, excluded


def _found(part: Part, row: Row, name: str) -> tuple[Place | None, Excluded | None]:
    """The file that a row names, which may lie anywhere, or why it cannot be read."""
    path = os.path.join(part.folder, row.path)
    try:
        mode = os.stat(path).st_mode
    except ValueError:  # a zero in it
        return None, _excluded(row, name, "missing", "no file can be called so")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None, _excluded(row, name, "link-loop", "links that lead to each other")
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            is_link = error.errno == errno.ENOENT and os.path.islink(path)
            return None, _excluded(row, name, "broken-link" if is_link else "missing")
        return None, _excluded(row, name, "unreadable", error.strerror or "")
    if stat.S_ISREG(mode):
        return Place(path=path), None
    return None, _excluded(row, name, "special", "a folder" if stat.S_ISDIR(mode) else "")


def _excluded(row: Row, name: str, reason: str, detail: str = "") -> Excluded:
    detail = f"{detail or REASONS[reason]} (row {row.number:,})"
    return Excluded(name=name, reason=reason, detail=detail)


def _and(words: Sequence[str]) -> str:
    if len(words) > _LISTED:
        words = [*words[:_LISTED], f"{len(words) - _LISTED:,} more"]
    return f"{', '.join(words[:-1])} and {words[-1]}"
