"""Corrected labels: a file beside a source, applied when it is opened; the source stays as it is.

A CSV of `item`, `check`, `label` and `correct`. An item is a picture's name, or its number where
the source has none; `check` begins its SHA-256, so that a file never corrects another picture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import DataError
from kenspeckle.foreign import read_regular
from kenspeckle.storage import write_file

MAX_BYTES = 1 << 28

COLUMNS = ("item", "check", "label", "correct")


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One label that is to be another."""

    item: str
    check: str  # 16 hexadecimal digits
    label: str  # class as the source has it
    correct: str  # class that it should be


def item_names(data: Dataset) -> list[str]:
    """How a person finds each item again: by its file, or by its number in the source."""
    if data.origin:
        return [picture.name for picture in data.origin.pictures]
    return [str(number) for number in range(len(data))]


def check_of(data: Dataset, index: int) -> str:
    """16 hexadecimal digits that another picture does not have."""
    if data.origin:
        return data.origin.pictures[index].sha256[:16]
    return bytes(data.digests[index]).hex()[:16]


def corrected(data: Dataset, path: str | Path) -> Dataset:
    """`data` with the labels of the corrections in `path`.

    Raises `DataError` where one is about an item or a class that is not there, or where picture or
    label are not those that were reviewed.
    """
    places = {name: place for place, name in enumerate(item_names(data))}
    classes = {name: label for label, name in enumerate(data.class_names)}
    labels = data.labels.copy()
    for correction in read_corrections(path):
        place = places.get(correction.item)
        if place is None:
            raise DataError(f"{path}: {data.source} has no item {correction.item!r}")
        if check_of(data, place) != correction.check:
            raise DataError(
                f"{path}: item {correction.item} of {data.source} is another picture than the one "
                "that was reviewed; review it again"
            )
        for name in (correction.label, correction.correct):
            if name not in classes:
                raise DataError(f"{path}: {data.source} has no class {name!r}")
        if labels[place] not in (classes[correction.label], classes[correction.correct]):
            raise DataError(
                f"{path}: item {correction.item} is {data.class_names[labels[place]]} in "
                f"{data.source}, and was {correction.label} when it was reviewed"
            )
        labels[place] = classes[correction.correct]
    return replace(data, labels=labels)


def read_corrections(path: str | Path) -> list[Correction]:
    """What a file holds; raise `DataError` where it is no such file."""
    found = []
    for number, row in rows_of(path, COLUMNS):
        values = {name: row[name].strip() for name in COLUMNS}
        if not all(values.values()):
            raise DataError(f"{path}: line {number} leaves a column empty")
        found.append(Correction(**values))
    return found


def rows_of(path: str | Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a CSV with at least these columns, numbered as an editor does."""
    try:
        text = read_regular(Path(path), at_most=MAX_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: has no column {missing[0]} (expected {', '.join(columns)})")
        return [(reader.line_num, row) for row in reader]
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read as corrections: {reason}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as corrections: {error}") from error


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    """Write a CSV durably."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())
