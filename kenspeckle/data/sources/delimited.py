"""Rows of CSV and TSV files: UTF-8, fields in double quotes or not, the delimiter by content."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TextIO

from kenspeckle.data.listing import printable
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

MAX_FIELD = 1 << 17  # letters; csv's own limit, which other code in the process may have changed
MAX_RECORD = 1 << 20  # letters of a row with all its fields
MAX_FIELDS = 10_000
MAX_ROWS = 10_000_000
DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}  # the first that fits
_SAMPLE = 20  # rows that the delimiter is chosen by
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class _Lines:
    """The lines of a file, as long as no row goes on without end."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.letters = 0  # since the last row ended

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(MAX_RECORD + 1):
            self.letters += len(line)
            if self.letters > MAX_RECORD:
                raise csv.Error(f"over {MAX_RECORD:,} letters; is a quotation mark missing")
            yield line


def delimiter_of(path: Path) -> str | None:
    """What separates the fields of the text in `path`; None where it is no table.

    It is what gives as many fields in all of the first rows, or else most of them in the first.
    Raises `DataError` where the text is not in UTF-8, or no delimiter makes sense of its quotes.
    """
    widest, best, failure = 1, None, None
    for delimiter in DELIMITERS:
        widths = []
        try:
            for _, row in islice(records(path, delimiter), _SAMPLE):
                widths.append(len(row))
        except DataError as error:
            if not isinstance(error.__cause__, csv.Error):
                raise
            failure = error
        else:
            if widths and set(widths) == {widths[0]} != {1}:
                return delimiter
        if widths and widths[0] > widest:
            widest, best = widths[0], delimiter
    if failure and not best:
        raise failure
    return best


def records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each row that is not blank, the first row being 1, as spreadsheets do.

    Raises `DataError` that names the row where quotes, sizes or the encoding are wrong.
    """
    number = 0
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            lines = _Lines(file)
            for row in csv.reader(lines, delimiter=delimiter, strict=True):
                number += 1
                lines.letters = 0
                _check_size(path, row, number)
                if row:
                    yield number, row
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {_encoding(path)}") from error
    except csv.Error as error:
        reason = printable(str(error).partition(" - ")[0])  # it names a delimiter, maybe a tab
        raise DataError(f"{path}: row {number + 1:,}: {reason}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def same_width(
    path: Path, found: Iterator[tuple[int, list[str]]], header: Sequence[str]
) -> Iterator[tuple[int, list[str]]]:
    """`found`, where every row has as many fields as `header`; raise `DataError` where not."""
    for number, row in found:
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {number:,} has {len(row):,} fields, the first {len(header):,}"
            )
        yield number, row


def _check_size(path: Path, row: Sequence[str], number: int) -> None:
    if number > MAX_ROWS:
        raise DataError(f"{path}: over {MAX_ROWS:,} rows")
    if len(row) > MAX_FIELDS:
        raise DataError(f"{path}: row {number:,}: over {MAX_FIELDS:,} fields")
    for column, field in enumerate(row, start=1):
        if len(field) > MAX_FIELD:
            raise DataError(
                f"{path}: row {number:,}, column {column:,}: over {MAX_FIELD:,} letters"
            )


def _encoding(path: Path) -> str:
    """What is wrong with a file that is not in UTF-8, and where."""
    with open_regular(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_RECORD), b""), start=1):
            if number == 1 and line.startswith(_WIDE):
                return "UTF-16, not UTF-8; save it as UTF-8"
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return (
                    f"line {number:,}: byte 0x{line[error.start]:02x} is not UTF-8; "
                    "save it as UTF-8"
                )
    return "it ends within a letter of UTF-8"
