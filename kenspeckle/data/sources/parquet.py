"""Parquet files of paths or of whole pictures, as the `datasets` library of Hugging Face writes.

pyarrow reads them; it is optional. The bytes of pictures are copied out once, since pyarrow has no
place for them in the file: they are compressed and mixed with the marks of pages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kenspeckle.data.listing import Listing, Place, printable
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.columns import choices, columns_of
from kenspeckle.data.sources.packed_pictures import picture_places
from kenspeckle.data.sources.rows import Part, Row, class_name, listing_of
from kenspeckle.data.sources.shards import check_complete, is_numbered, split_of
from kenspeckle.errors import DataError, StorageError
from kenspeckle.foreign import open_regular

MAX_ROWS = 10_000_000
_MAGIC = b"PAR1"
_BATCH = 65_536  # rows without pictures
_PICTURES = 16  # rows with pictures: one may have many megabytes


def is_parquet(path: Path) -> bool:
    """Whether `path` is a file that begins and ends as a Parquet file does."""
    try:
        with open_regular(path) as file:
            if file.read(4) != _MAGIC:
                return False
            file.seek(-4, os.SEEK_END)
            return file.read(4) == _MAGIC
    except OSError:
        return False


def is_parquet_folder(path: Path) -> bool:
    """Whether the folder `path`, or `data` in it, has Parquet files named as parts or splits."""
    return any(is_numbered(file.name) or split_of(file.name) for file in _files(path))


def list_parquet(path: Path, config: SourceConfig, *, source: str, spool: Path) -> Listing:
    """The pictures of a Parquet file or of a folder of such; see `table.list_table`."""
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{source}: no .parquet file in it")
    several = path.is_dir()
    if several:
        check_complete(source, [file.name for file in files])
    parts, notes = [], []
    for file in files:
        part, found = _part(file, config, spool, source if not several else str(file))
        split = split_of(file.name) if several else None
        parts.append(replace(part, prefix=f"{file.name}/" if several else "", split=split))
        notes += [note for note in found if note not in notes]
    listing = listing_of(source, parts, archive="" if several else str(path))
    return replace(listing, notes=tuple(notes))


def _files(path: Path) -> list[Path]:
    for folder in (path, path / "data"):
        if folder.is_dir():
            found = sorted(file for file in folder.glob("*.parquet") if is_parquet(file))
            if found:
                return found
    return []


def _part(
    path: Path, config: SourceConfig, spool: Path, table: str
) -> tuple[Part, tuple[str, ...]]:
    arrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            return _read(file, path, config, spool, table)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, StorageError):
            raise
        lines = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{table}: cannot be read: {printable(lines[0][:200])}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            "Parquet needs pyarrow, which is not installed; pip install 'kenspeckle[parquet]'"
        ) from error
    return pyarrow, parquet


def _read(
    file: Any, path: Path, config: SourceConfig, spool: Path, table: str
) -> tuple[Part, tuple[str, ...]]:
    schema = file.schema_arrow
    if file.metadata.num_rows > MAX_ROWS:
        raise DataError(f"{table}: over {MAX_ROWS:,} rows")
    header = list(schema.names)
    columns = columns_of(header, config, table=table)
    picture = header[columns.path]
    others = {
        role: header[at]
        for role in ("label", "split", "group")
        if (at := getattr(columns, role)) is not None
    }
    for role, name in others.items():
        _check_plain(schema.field(name).type, role, name, table)
    kind = schema.field(picture).type
    paths, places = _pictures(file, path, spool, picture, kind, table)
    cells = {role: _cells(file, name) for role, name in others.items()}
    names = _class_names(schema.metadata, others["label"])
    rows = []
    for number, label in enumerate(cells["label"], start=1):
        split, group = (next(cells[role]) if role in cells else None for role in ("split", "group"))
        rows.append(
            Row(
                number=number,
                path=next(paths) or "",
                label=_named(label, names, f"{table}: row {number:,}, column {others['label']!r}"),
                split="" if split is None else str(split),
                group=class_name(group),
                place=next(places) if places else None,
            )
        )
    part = Part(
        rows=rows,
        table=table,
        folder=os.path.dirname(os.path.abspath(path)),
        split_column=others.get("split", ""),
        classes=names,
    )
    return part, choices(header, columns, config)


def _pictures(
    file: Any, path: Path, spool: Path, column: str, kind: Any, table: str
) -> tuple[Iterator[str | None], Iterator[Place | None] | None]:
    """The path of each row, and the place of its bytes where the file holds them."""
    fields = [kind.field(at).name for at in range(kind.num_fields)]
    if "bytes" in fields and str(kind.field("bytes").type) in ("binary", "large_binary"):
        contents = (
            (cell or {}).get("bytes")
            for cell in _cells(file, column, leaf="bytes", batch=_PICTURES)
        )
        places = picture_places(path, spool, contents, count=file.metadata.num_rows)
        if "path" not in fields:
            return _nothing(), iter(places)
        return ((cell or {}).get("path") for cell in _cells(file, column, leaf="path")), iter(
            places
        )
    if str(kind) in ("binary", "large_binary"):
        pictures = _cells(file, column, batch=_PICTURES)
        places = picture_places(path, spool, pictures, count=file.metadata.num_rows)
        return _nothing(), iter(places)
    if _plain(kind) not in ("string", "large_string"):
        raise DataError(
            f"{table}: column {column!r} is {_kind(kind)}; expected text, or a struct of bytes "
            "and path"
        )
    return _cells(file, column), None


def _nothing() -> Iterator[None]:
    while True:
        yield None


def _cells(file: Any, column: str, *, leaf: str = "", batch: int = _BATCH) -> Iterator[Any]:
    wanted = f"{column}.{leaf}" if leaf else column
    for found in file.iter_batches(batch_size=batch, columns=[wanted], use_threads=False):
        yield from found.column(0).to_pylist()


def _check_plain(kind: Any, role: str, name: str, table: str) -> None:
    plain = _plain(kind)
    numbers = ("int", "uint", "float", "double", "halffloat", "bool")
    if not plain.startswith((*numbers, "string", "large_string")):
        raise DataError(
            f"{table}: column {name!r} is {_kind(kind)}; a {role} must be text or a number"
        )


def _plain(kind: Any) -> str:
    """The type of single cells, which a dictionary may hold."""
    return str(getattr(kind, "value_type", kind)) if str(kind).startswith("dict") else str(kind)


def _kind(kind: Any) -> str:
    return printable(" ".join(str(kind).split())[:80])


def _class_names(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """The names that the `datasets` library wrote down for the numbers in `column`."""
    try:
        document = json.loads((metadata or {})[b"huggingface"])
        names = document["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    found = tuple(map(class_name, names))
    return found if all(found) and len(set(found)) == len(found) else ()


def _named(label: object, names: tuple[str, ...], where: str) -> str:
    if not names or not isinstance(label, int):
        return class_name(label)
    if label == -1:  # as the library writes a label that is not known
        return ""
    if not 0 <= label < len(names):
        raise DataError(f"{where}: label {label}, but there are {len(names):,} class names")
    return names[label]
