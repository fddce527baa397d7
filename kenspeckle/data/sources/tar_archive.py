"""Pictures in a tar archive, plain or gzip, listed without extracting anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from kenspeckle.data.listing import Listing, Place
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.layout import labelled
from kenspeckle.data.sources.members import MAX_MEMBERS, Members, too_large
from kenspeckle.data.sources.spool import unpacked
from kenspeckle.data.sources.tar import is_gzip, opened
from kenspeckle.data.sources.tar_headers import BLOCK, Member, is_header, members
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

_MAX_TAIL = 16 << 20  # bytes of zeros after the last member; tar writes 10 KiB, tapes 1 MiB


def is_tar(path: Path) -> bool:
    """Whether the file at `path`, or what it unpacks to, starts as a tar archive does."""
    if not path.is_file():
        return False
    try:
        with opened(path) as file:
            return is_header(file.read(BLOCK))
    except DataError:
        return False


def list_tar(path: Path, config: SourceConfig, *, source: str, spool: Path) -> Listing:
    """Every member of the archive; `spool` is the folder that a gzip archive is unpacked into.

    Raises `DataError` where the archive is damaged, cut short, has over 1,000,000 members, or
    nothing says which class they are.
    """
    found = Members()
    for member, place in placed(path, spool):
        sort_member(found, member, place)
    archive = str(path.absolute())
    return labelled(
        source, found.found, found.excluded, config, folders=found.folders, archive=archive
    )


def sort_member(found: Members, member: Member, place: Place) -> None:
    """Put `member` where it belongs in `found`."""
    if member.kind == "folder":
        found.folder(member.name)
    elif member.kind != "file":
        found.exclude(member.name, member.kind, member.detail)
    elif why := too_large(member.size, member.size):
        found.exclude(member.name, "too-large", why)
    else:
        found.file(member.name, place)


def placed(path: Path, spool: Path) -> Iterator[tuple[Member, Place]]:
    """The members of an archive, each with where its content lies; `DataError` as `list_tar`."""
    if not is_tar(path):
        raise DataError(f"{path}: not a tar archive, or its first header is damaged")
    plain = unpacked(path, spool) if is_gzip(path) else path
    try:
        # unbuffered, because a buffer would be filled for each header and never used
        with open_regular(plain, buffering=0) as file:
            absolute = str(plain.absolute())
            for member in _whole(file):
                yield member, Place(path=absolute, offset=member.offset, size=member.size)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _whole(file: BinaryIO) -> Iterator[Member]:
    """The members of the plain archive, with nothing after them."""
    end = file.seek(0, 2)
    cut = f"cut short: {end:,} bytes, and a member ends after them"
    yield from members(file, at_most=MAX_MEMBERS, end=end, beyond=cut)
    tail = end - file.tell()
    if tail > _MAX_TAIL or file.read(tail).strip(b"\0"):
        raise DataError(f"{tail:,} bytes after its end; archives that were joined cannot be read")
