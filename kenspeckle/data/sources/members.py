"""Members of an archive, each sorted once by its name: files, folders, exclusions."""

from __future__ import annotations

import re

from kenspeckle.data.listing import Excluded, Place, printable
from kenspeckle.data.sources.layout import Found

MAX_MEMBERS = 1_000_000  # of one archive
MAX_SIZE = 512 << 20  # bytes of one member; decoding refuses more as well
MAX_RATIO = 200  # of bytes unpacked to packed; no picture reaches it, bombs begin at 1,000
RATIO_FROM = 64 << 20  # bytes; small blank pictures may be packed as well as bombs are
MAX_NAME = 4096  # letters, which is what Linux accepts as a path
_SHOWN = 200  # letters of a name that is too long


class Members:
    """What was met so far; names are relative to the archive, with "/" between folders."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.excluded: list[Excluded] = []
        self.folders: list[str] = []
        self._taken: set[str] = set()

    def file(self, name: str, place: Place) -> None:
        """A regular file; excluded where its name is unsafe or was met before."""
        if not (path := self._safe(name)):
            return
        if (shown := printable(path)) in self._taken:
            self.excluded.append(Excluded(name=shown, reason="repeated"))
            return
        self._taken.add(shown)
        self.found.append(Found(name=path, place=place))

    def folder(self, name: str) -> None:
        """An entry that only makes a folder."""
        if not name.strip("./") and ".." not in name and not name.startswith("/"):
            return  # the root of the archive
        if path := self._safe(name):
            self.folders.append(path)

    def exclude(self, name: str, reason: str, detail: str = "") -> None:
        """A member that is not used; that its name is unsafe matters more."""
        if path := self._safe(name):
            self.excluded.append(Excluded(name=printable(path), reason=reason, detail=detail))

    def _safe(self, name: str) -> str:
        """`name` without "." and doubled "/"; "" where it was excluded as unsafe."""
        if why := unsafe(name):
            shown = printable(name if len(name) <= MAX_NAME else f"{name[:_SHOWN]}...")
            self.excluded.append(Excluded(name=shown, reason="unsafe-name", detail=why))
            return ""
        if "//" in name or "./" in name or name.endswith(("/", "/.")):
            return "/".join(part for part in name.split("/") if part not in ("", "."))
        return name


def unsafe(name: str) -> str:
    """Why a member of this name could be written somewhere else or nowhere; "" = it is safe."""
    if len(name) > MAX_NAME:
        return f"over {MAX_NAME:,} letters"
    if "\0" in name:
        return "a NUL in it"
    if name.startswith(("/", "\\")):
        return "an absolute path"
    if name[1:2] == ":" and name[0].isalpha():
        return "a drive letter"
    if ".." in name and ".." in re.split(r"[/\\]", name):
        return '".." in it'
    if not name.strip("./"):
        return "it names no file"
    return ""


def too_large(packed: int, unpacked: int) -> str:
    """Why a member of so many bytes is refused; "" = it is accepted."""
    if max(packed, unpacked) > MAX_SIZE:
        return f"{max(packed, unpacked):,} bytes, at most {MAX_SIZE:,} are accepted"
    if unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
        return f"{unpacked:,} bytes unpacked, over {MAX_RATIO} times {packed:,}"
    return ""
