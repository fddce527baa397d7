"""Which column of a table says what: as configured, or by the names that are usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.rows import shown
from kenspeckle.errors import DataError

USUAL: dict[str, tuple[str, ...]] = {  # in lower case; the first that is there is taken
    "path": ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "img"),
    "label": ("label", "class", "category", "target", "species", "y"),
    "split": ("split", "subset", "set"),
    "group": ("group", "patient", "patient_id", "subject", "video", "site"),
}
_LISTED = 20  # columns that an error names


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Positions of columns; None = there is no such column."""

    path: int
    label: int
    split: int | None
    group: int | None


def columns_of(header: Sequence[str], config: SourceConfig, *, table: str) -> Columns:
    """The columns of a table with the names `header`; raise `DataError` without path or label."""
    found = {role: position(role, header, config, table=table) for role in USUAL}
    path, label = found["path"], found["label"]
    if path is None or label is None:
        role = "path" if path is None else "label"
        raise DataError(
            f"{table}: no column is called {', '.join(USUAL[role][:-1])} or {USUAL[role][-1]} "
            f"(it has {listed(header)}); name the one of the {role}s with "
            f"--set data.{role}_column=NAME"
        )
    taken = [value for value in found.values() if value is not None]
    if len(set(taken)) < len(taken):
        twice = next(header[value] for value in taken if taken.count(value) > 1)
        raise DataError(f"{table}: column {shown(twice)!r} cannot be two things at once")
    return Columns(path=path, label=label, split=found["split"], group=found["group"])


def position(role: str, header: Sequence[str], config: SourceConfig, *, table: str) -> int | None:
    """Where in `header` the column for `role` is; upper and lower case are the same.

    Raises `DataError` where a configured column is not there, or where two have one name.
    """
    configured: str = getattr(config, f"{role}_column")
    if configured in header and header.count(configured) == 1:
        return header.index(configured)
    names = [name.strip().lower() for name in header]
    for wanted in (configured.strip().lower(),) if configured else USUAL[role]:
        if names.count(wanted) > 1:
            raise DataError(f"{table}: two columns are called {shown(wanted)!r}; rename one")
        if wanted in names:
            return names.index(wanted)
    if configured:
        raise DataError(
            f"{table}: no column is called {configured!r}, as data.{role}_column says "
            f"(it has {listed(header)})"
        )
    return None


def choices(header: Sequence[str], columns: Columns, config: SourceConfig) -> tuple[str, ...]:
    """A line for each choice between several columns with usual names."""
    names = [name.strip().lower() for name in header]
    lines = []
    for role, usual in USUAL.items():
        chosen: int | None = getattr(columns, role)
        others = [name for name in usual if name in names and names.index(name) != chosen]
        if chosen is not None and others and not getattr(config, f"{role}_column"):
            lines.append(
                f"the {role} is column {shown(header[chosen])!r}, not {', '.join(others)}; "
                f"--set data.{role}_column=NAME chooses another"
            )
    return tuple(lines)


def listed(header: Sequence[str]) -> str:
    """The names of columns in a message."""
    names = [shown(name) for name in header[:_LISTED]]
    more = f" and {len(header) - _LISTED:,} more" if len(header) > _LISTED else ""
    return (", ".join(names) or "none") + more
