"""Tables that name pictures and their classes: CSV, TSV, and Parquet by way of `parquet`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from kenspeckle.data.listing import Listing
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources import delimited, parquet
from kenspeckle.data.sources.columns import USUAL, Columns, choices, columns_of
from kenspeckle.data.sources.rows import Part, Row, class_name, listing_of
from kenspeckle.errors import DataError

SUFFIXES = (".csv", ".tsv", ".parquet")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")


def is_table(path: Path) -> bool:
    """Whether `path` is a Parquet file, is called as a table, or names columns or pictures."""
    if not path.is_file():
        return False
    if parquet.is_parquet(path) or path.name.lower().endswith(SUFFIXES):
        return True
    try:
        delimiter = delimited.delimiter_of(path)
        if delimiter is None:
            return False
        _, first = next(delimited.records(path, delimiter))
    except DataError:
        return False
    return _has_usual_names(first) or _is_picture_row(first, path)


def list_table(path: Path, config: SourceConfig, *, source: str, spool: Path) -> Listing:
    """The pictures that the table `path`, or the folder of Parquet files, names.

    Pictures that lie in Parquet files are copied into the folder `spool` once. Raises `DataError`
    that names row and column where the table is not as it should be.
    """
    if path.is_dir() or parquet.is_parquet(path):
        return parquet.list_parquet(path, config, source=source, spool=spool)
    delimiter = delimited.delimiter_of(path)
    if delimiter is None:
        raise DataError(
            f"{source}: no table; expected as many fields in every row, at least two, separated "
            f"by one of {', '.join(delimited.DELIMITERS.values())}"
        )
    found = delimited.records(path, delimiter)
    number, first = next(found)
    notes: tuple[str, ...]
    if _is_headless(first, path, config):
        columns = Columns(path=0, label=1, split=None, group=None)
        found = chain([(number, first)], found)
        notes = (f"{source} has no header: its first column is the path, its second the label",)
    else:
        columns = columns_of(first, config, table=source)
        notes = choices(first, columns, config)
    rows = list(_rows(delimited.same_width(path, found, first), columns))
    part = Part(
        rows=rows,
        table=source,
        folder=os.path.dirname(os.path.abspath(path)),
        split_column="" if columns.split is None else first[columns.split],
    )
    return replace(listing_of(source, [part]), notes=notes)


def _rows(found: Iterator[tuple[int, list[str]]], columns: Columns) -> Iterator[Row]:
    for number, row in found:
        yield Row(
            number=number,
            path=row[columns.path].strip(),
            label=class_name(row[columns.label]),
            split="" if columns.split is None else row[columns.split],
            group="" if columns.group is None else row[columns.group].strip(),
        )


def _is_headless(first: Sequence[str], path: Path, config: SourceConfig) -> bool:
    configured = config.path_column or config.label_column
    return not configured and not _has_usual_names(first) and _is_picture_row(first, path)


def _has_usual_names(row: Sequence[str]) -> bool:
    names = {name.strip().lower() for name in row}
    return bool(names & set(USUAL["path"]) and names & set(USUAL["label"]))


def _is_picture_row(row: Sequence[str], table: Path) -> bool:
    """Whether `row` is a path and a label rather than two names of columns."""
    if len(row) != 2:
        return False
    path = row[0].strip()
    try:
        is_file = os.path.isfile(os.path.join(table.parent, path))
    except ValueError:  # a zero in it
        return False
    return path.lower().endswith(PICTURES) or is_file
