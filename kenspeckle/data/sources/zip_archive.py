"""Pictures in a zip archive, listed without extracting anything."""

from __future__ import annotations

import stat
from pathlib import Path

from kenspeckle.data.listing import Listing, Place
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.layout import labelled
from kenspeckle.data.sources.members import Members, too_large
from kenspeckle.data.sources.zip_directory import Entry, entries
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

_STARTS = (b"PK\3\4", b"PK\5\6")  # of the first member; of an empty archive
_STORED, _DEFLATED = 0, 8


def is_zip(path: Path) -> bool:
    """Whether the file at `path` starts as a zip archive does; those of numpy do as well."""
    if not path.is_file():
        return False
    try:
        with open_regular(path) as file:
            return file.read(4) in _STARTS
    except OSError:
        return False


def list_zip(path: Path, config: SourceConfig, *, source: str) -> Listing:
    """Every member of the archive.

    Raises `DataError` where its directory is damaged, cut short or names over 1,000,000 members,
    where members overlap, or nothing says which class they are.
    """
    archive = str(path.absolute())
    members = Members()
    try:
        # unbuffered, because a buffer would be filled for each local header and never used
        with open_regular(path, buffering=0) as file:
            for entry, offset in entries(file):
                _sort(members, entry, offset, archive)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return labelled(
        source, members.found, members.excluded, config, folders=members.folders, archive=archive
    )


def _sort(members: Members, entry: Entry, offset: int | None, archive: str) -> None:
    kind = stat.S_IFMT(entry.mode)
    if kind == stat.S_IFLNK:
        members.exclude(entry.name, "link", "a symbolic link")
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        members.exclude(entry.name, "special")
    elif entry.name.endswith("/") or kind == stat.S_IFDIR:
        members.folder(entry.name)
    elif entry.is_encrypted:
        members.exclude(entry.name, "encrypted")
    elif why := too_large(entry.packed, entry.unpacked):
        members.exclude(entry.name, "too-large", why)
    elif offset is None:
        members.exclude(entry.name, "damaged", "not where its archive says")
    elif entry.method == _DEFLATED:
        members.file(entry.name, _place(archive, offset, entry, entry.unpacked))
    elif entry.method != _STORED:
        detail = f"packed by method {entry.method}, only 0 and 8 (deflate) can be read"
        members.exclude(entry.name, "damaged", detail)
    elif entry.packed != entry.unpacked:
        members.exclude(entry.name, "damaged", "two sizes for what is not packed")
    else:
        members.file(entry.name, _place(archive, offset, entry, -1))


def _place(archive: str, offset: int, entry: Entry, unpacked: int) -> Place:
    return Place(
        path=archive,
        offset=offset,
        size=entry.packed,
        unpacked=unpacked,
        checksum=entry.checksum,
    )
