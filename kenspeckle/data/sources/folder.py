"""Folders of picture files, one for each class; links are followed, but never in a circle."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.data.listing import Excluded, Listing, Place, printable
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.layout import Found, labelled
from kenspeckle.errors import DataError

MAX_DEPTH = 64  # folders inside each other


@dataclass
class _Walk:
    """What a walk through the folders has met so far."""

    found: list[Found] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def exclude(self, name: str, reason: str, detail: str = "") -> None:
        self.excluded.append(Excluded(name=printable(name), reason=reason, detail=detail))


def list_folder(path: Path, config: SourceConfig, *, source: str) -> Listing:
    """Every name in the folder `path`; raise `DataError` where there is no labelled picture."""
    walk = _Walk()
    try:
        information = os.stat(path)
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror}") from error
    _visit(walk, str(path.absolute()), "", [(information.st_dev, information.st_ino)])
    return labelled(source, walk.found, walk.excluded, config, folders=walk.folders)


def _visit(walk: _Walk, folder: str, prefix: str, above: list[tuple[int, int]]) -> None:
    """Sort what is in `folder` into `walk`; `above` are the folders that we came through."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        walk.exclude(prefix.rstrip("/") or ".", "unreadable", error.strerror or "")
        return
    for entry in entries:
        name = prefix + entry.name
        try:
            information = entry.stat()  # of what a link leads to
        except OSError as error:
            broken = entry.is_symlink() and isinstance(error, FileNotFoundError)
            loop = error.errno == errno.ELOOP  # links that lead to each other
            reason = "broken-link" if broken else "link-loop" if loop else "unreadable"
            walk.exclude(name, reason, "" if broken or loop else error.strerror or "")
            continue
        if stat.S_ISREG(information.st_mode):
            walk.found.append(Found(name=name, place=Place(path=entry.path)))
        elif not stat.S_ISDIR(information.st_mode):
            walk.exclude(name, "special")
        elif (identity := (information.st_dev, information.st_ino)) in above:
            walk.exclude(name, "link-loop")
        elif len(above) >= MAX_DEPTH:
            walk.exclude(name, "unreadable", f"over {MAX_DEPTH} folders inside each other")
        else:
            walk.folders.append(name)
            _visit(walk, entry.path, f"{name}/", [*above, identity])


def looks_like_pictures(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether any of the first files in the folder `path` or below is named as a picture."""
    return any(name.lower().endswith(suffixes) for name in _first_names(path, 10_000))


def _first_names(path: Path, count: int) -> Iterator[str]:
    seen = 0
    for _, _, names in os.walk(path):
        for name in names:
            yield name
            seen += 1
            if seen == count:
                return
