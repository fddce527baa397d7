"""Simulated crashes: what a disk may hold after power was lost between two file operations.

The model is the strictest reading of POSIX: a name lasts once its folder was synced, content once
its file was synced, and everything else may be there, or not, in any combination. Renames are
atomic. `Recording` writes down what a `Disk` was asked to do; `states` replays a part of that and
yields every disk state of one `mode` that could be found after the crash.
"""

import errno
import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kenspeckle.storage import Disk

MODES = ("kept", "lost", "reordered", "torn")
SECTOR = 512
MANY = 32  # combinations of names that are tried where there are more
TORN = 12  # combinations of cuts

State = Mapping[str, bytes | None]  # path: content, or None for a folder


@dataclass(frozen=True)
class Operation:
    kind: str  # "make_folder", "write", "sync_file", "rename", "sync_folder", "remove"
    path: str  # relative to the root of the recording
    data: bytes = b""  # of a write
    target: str = ""  # of a rename


class Recording(Disk):
    """Does everything but syncing, which no test could see, and remembers it in order."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.operations: list[Operation] = []

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._note("make_folder", path)

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._note("write", path, data=bytes(data))

    def sync_file(self, path: Path) -> None:
        assert path.is_file()
        self._note("sync_file", path)

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        self._note("rename", old, target=self._relative(new))

    def sync_folder(self, path: Path) -> None:
        assert path.is_dir()
        self._note("sync_folder", path)

    def remove(self, path: Path) -> None:
        # one by one, because a crash may come in the middle of a folder
        inside = sorted(path.rglob("*"), reverse=True) if path.is_dir() else []
        super().remove(path)
        for gone in [*inside, path]:
            self._note("remove", gone)

    def _note(self, kind: str, path: Path, *, data: bytes = b"", target: str = "") -> None:
        self.operations.append(Operation(kind, self._relative(path), data, target))

    def _relative(self, path: Path) -> str:
        found = path.relative_to(self.root).as_posix()
        return "" if found == "." else found


class Failing(Recording):
    """Raises an error of the operating system at operation number `at`, after half of a write."""

    def __init__(self, root: Path, *, at: int, code: int = errno.ENOSPC) -> None:
        super().__init__(root)
        self._left, self._code = at, code

    def make_folder(self, path: Path) -> None:
        self._count()
        super().make_folder(path)

    def write(self, path: Path, data: bytes) -> None:
        if not self._left:
            path.write_bytes(data[: len(data) // 2])
        self._count()
        super().write(path, data)

    def sync_file(self, path: Path) -> None:
        self._count()
        super().sync_file(path)

    def rename(self, old: Path, new: Path) -> None:
        self._count()
        super().rename(old, new)

    def sync_folder(self, path: Path) -> None:
        self._count()
        super().sync_folder(path)

    def remove(self, path: Path) -> None:
        self._count()
        super().remove(path)

    def _count(self) -> None:
        self._left -= 1
        if self._left == -1:
            raise OSError(self._code, os.strerror(self._code))


class WithoutFileSync(Recording):
    def sync_file(self, path: Path) -> None:
        pass


class WithoutFolderSync(Recording):
    def sync_folder(self, path: Path) -> None:
        pass


class InPlace(Recording):
    """Writes to the final name at once: no temporary name, no rename."""

    def make_folder(self, path: Path) -> None:
        super().make_folder(self._final(path))

    def write(self, path: Path, data: bytes) -> None:
        final = self._final(path)
        final.unlink(missing_ok=True)
        super().write(final, data)

    def sync_file(self, path: Path) -> None:
        super().sync_file(self._final(path))

    def rename(self, old: Path, new: Path) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(self._final(path))

    def remove(self, path: Path) -> None:
        super().remove(self._final(path))

    def _final(self, path: Path) -> Path:
        parts = [
            part[1:].partition(".tmp-")[0] if ".tmp-" in part else part
            for part in path.relative_to(self.root).parts
        ]
        return self.root.joinpath(*parts)


@dataclass(eq=False)
class _Node:
    """A file or a folder, whatever names it has."""

    is_folder: bool = False
    content: bytes = b""
    durable_content: bytes = b""
    was_synced: bool = True  # the content that it has now
    names: dict[str, "_Node"] = field(default_factory=dict)
    durable_names: dict[str, "_Node"] = field(default_factory=dict)


@dataclass(eq=False)
class _Change:
    """A change of names in one folder that is not durable yet; atomic."""

    folder: _Node
    names: dict[str, "_Node | None"]  # None: the name goes away


def states(operations: list[Operation], mode: str, *, seed: int = 0) -> Iterator[State]:
    """Every disk state of `mode` after a crash that follows the last of `operations`.

    kept: nothing is lost. lost: the names of the last changes are gone, and unsynced content too.
    reordered: any of the changed names are there, and unsynced files are empty. torn: each unsynced
    file is cut at a multiple of 512 bytes, or goes on with zeros from there.
    """
    root, changes = _replay(operations)
    everything = set(range(len(changes)))
    if mode == "kept":
        yield _tree(root, changes, everything, lambda node: node.content)
    elif mode == "lost":
        for count in range(len(changes) + 1):
            yield _tree(root, changes, set(range(count)), lambda node: node.durable_content)
    elif mode == "reordered":
        for kept in _subsets(len(changes), seed):
            yield _tree(root, changes, kept, lambda node: b"")
    elif mode == "torn":
        rng = random.Random(seed)
        for _ in range(TORN):
            yield _tree(root, changes, everything, lambda node: _torn(node, rng))
    else:
        raise AssertionError(mode)


def materialise(state: State, folder: Path) -> Path:
    """Make `folder` hold exactly `state`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in sorted(state.items()):
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
    return folder


def contents(folder: Path) -> State:
    """The opposite of `materialise`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def _replay(operations: list[Operation]) -> tuple[_Node, list[_Change]]:
    root = _Node(is_folder=True)
    changes: list[_Change] = []

    def change(folder: _Node, names: dict[str, _Node | None]) -> None:
        _apply(folder.names, names)
        changes.append(_Change(folder, names))

    for operation in operations:
        folder, name = _find(root, operation.path)
        if operation.kind == "make_folder":
            change(folder, {name: _Node(is_folder=True)})
        elif operation.kind == "write":
            node = _Node(content=operation.data, was_synced=False)
            change(folder, {name: node})
        elif operation.kind == "sync_file":
            node = folder.names[name]
            node.durable_content, node.was_synced = node.content, True
        elif operation.kind == "rename":
            target_folder, target = _find(root, operation.target)
            assert target_folder is folder, "a rename into another folder is not modelled"
            change(folder, {name: None, target: folder.names[name]})
        elif operation.kind == "sync_folder":
            synced = folder.names[name] if name else root
            synced.durable_names = dict(synced.names)
            changes[:] = [waiting for waiting in changes if waiting.folder is not synced]
        else:
            change(folder, {name: None})
    return root, changes


def _find(root: _Node, path: str) -> tuple[_Node, str]:
    *folders, name = path.split("/")
    for part in folders:
        root = root.names[part]
    return root, name


def _apply(names: dict[str, _Node], changed: Mapping[str, _Node | None]) -> None:
    for name, node in changed.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def _tree(
    root: _Node, changes: list[_Change], kept: set[int], content: Callable[[_Node], bytes]
) -> State:
    """What is found where only the changes numbered in `kept` had reached the disk."""
    found: dict[str, bytes | None] = {}

    def visit(folder: _Node, prefix: str) -> None:
        names = dict(folder.durable_names)
        for number, change in enumerate(changes):
            if change.folder is folder and number in kept:
                _apply(names, change.names)
        for name, node in names.items():
            if node.is_folder:
                found[prefix + name] = None
                visit(node, f"{prefix}{name}/")
            else:
                found[prefix + name] = node.content if node.was_synced else content(node)

    visit(root, "")
    return found


def _subsets(count: int, seed: int) -> Iterator[set[int]]:
    if 2**count <= MANY:
        for size in range(count + 1):
            yield from map(set, itertools.combinations(range(count), size))
        return
    numbers = range(count)
    yield from ({number} for number in numbers)
    yield from (set(numbers) - {number} for number in numbers)
    rng = random.Random(seed)
    for _ in range(MANY):
        yield {number for number in numbers if rng.random() < 0.5}


def _torn(node: _Node, rng: random.Random) -> bytes:
    sectors = -(-len(node.content) // SECTOR)
    cut = node.content[: SECTOR * rng.randint(0, sectors)]
    return rng.choice([cut, cut.ljust(len(node.content), b"\0")])
