"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the binary and Python archives, packed or unpacked."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, SourceFile
from kenspeckle.data.sources.plain_pickle import read_plain
from kenspeckle.errors import DataError

SIDE = 32
MAX_FILE = 512 << 20  # bytes; the largest, of CIFAR-100, has 155 MB
_PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True, kw_only=True)
class _Version:
    """The files of one archive."""

    kind: Literal["binary", "python"]
    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int = 1  # of each record; the last of them is the class
    labels_key: str = "labels"
    names_key: str = "label_names"

    @property
    def files(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.train, self.test, self.names)


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_VERSIONS = (
    _Version(
        kind="binary",
        train=tuple(f"{name}.bin" for name in _BATCHES),
        test="test_batch.bin",
        names="batches.meta.txt",
    ),
    _Version(kind="python", train=_BATCHES, test="test_batch", names="batches.meta"),
    _Version(
        kind="binary",
        train=("train.bin",),
        test="test.bin",
        names="fine_label_names.txt",
        label_bytes=2,
    ),
    _Version(
        kind="python",
        train=("train",),
        test="test",
        names="meta",
        labels_key="fine_labels",
        names_key="fine_label_names",
    ),
)
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)
_WANTED = {name for version in _VERSIONS for name in version.files}


def is_cifar_folder(folder: Path) -> bool:
    """Whether at least one file of training pictures and the names of the classes lie in it."""
    return any(
        (folder / version.names).is_file() and any((folder / n).is_file() for n in version.train)
        for version in _VERSIONS
    )


def is_archive(path: Path) -> bool:
    """Whether `path` is a tar file, whole or damaged."""
    try:
        return tarfile.is_tarfile(path)
    except _DAMAGE:
        return True


def folder_dataset(folder: Path, *, source: str) -> Dataset:
    """The pictures of an unpacked archive; `DataError` where a file is missing or damaged."""
    found = {}
    for name in sorted(_WANTED):
        path = folder / name
        if path.is_file():
            if path.stat().st_size > MAX_FILE:
                raise DataError(f"{path}: larger than {MAX_FILE:,} bytes, so no CIFAR file")
            found[name] = path.read_bytes()
    return _dataset(found, place=str(folder), source=source)


def archive_dataset(path: Path, *, source: str) -> Dataset:
    """The pictures of a tar file, read in one pass; nothing is unpacked to disk.

    Raises `DataError` where it is damaged or holds other things.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if not member.isfile() or name not in _WANTED or name in found:
                    continue
                if member.size > MAX_FILE:
                    raise DataError(f"{path}: {name} is larger than {MAX_FILE:,} bytes")
                file = archive.extractfile(member)
                found[name] = file.read() if file else b""
    except DataError:
        raise
    except (*_DAMAGE, ValueError) as error:
        raise DataError(f"{path}: damaged archive: {error}") from error
    return _dataset(found, place=str(path), source=source)


def _dataset(found: Mapping[str, bytes], *, place: str, source: str) -> Dataset:
    version = next((v for v in _VERSIONS if any(name in found for name in v.train)), None)
    if version is None:
        raise DataError(f"{place}: no CIFAR-10 or CIFAR-100 in it (no {_BATCHES[0]}, no train)")
    missing = [name for name in version.files if name not in found]
    if missing:
        raise DataError(f"{place}: {', '.join(missing)} missing, so not the whole of CIFAR")
    names = _names(version, found[version.names], f"{place}/{version.names}")
    pictures, labels, tests, files = [], [], [], []
    for name in (*version.train, version.test):
        own, classes = _records(version, found[name], f"{place}/{name}", len(names))
        pictures.append(own)
        labels.append(classes)
        tests.append(np.full(len(classes), name == version.test))
        digest = hashlib.sha256(found[name]).hexdigest()
        files.append(SourceFile(path=f"{place}/{name}", sha256=digest, items=len(classes)))
    planes = np.concatenate(pictures).reshape(-1, 3, SIDE, SIDE)
    return Dataset(
        source=source,
        images=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        labels=np.concatenate(labels).astype(np.int64),
        class_names=names,
        official_test=np.concatenate(tests),
        files=tuple(files),
    )


def _names(version: _Version, data: bytes, place: str) -> tuple[str, ...]:
    if version.kind == "binary":
        text = data.decode("latin-1")
        names = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        listed = _entry(read_plain(data, name=place), version.names_key, list, place)
        names = [n.decode("latin-1") if isinstance(n, bytes) else n for n in listed]
    if not names or len(set(map(str, names))) != len(names) or len(names) > 1000:
        raise DataError(f"{place}: {len(names)} class names, expected up to 1000 different ones")
    if any(not isinstance(name, str) for name in names):
        raise DataError(f"{place}: class names must be texts")
    return tuple(names)


def _records(
    version: _Version, data: bytes, place: str, classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures (n, 3072), plane after plane, and their classes (n,)."""
    if version.kind == "binary":
        length = version.label_bytes + _PIXELS
        if not data or len(data) % length:
            raise DataError(f"{place}: {len(data):,} bytes, expected a multiple of {length:,}")
        table = np.frombuffer(data, dtype=np.uint8).reshape(-1, length)
        pictures = table[:, version.label_bytes :]
        labels = table[:, version.label_bytes - 1].astype(np.int64)
    else:
        document = read_plain(data, name=place)
        pictures = _entry(document, "data", np.ndarray, place)
        listed = _entry(document, version.labels_key, list, place)
        if pictures.ndim != 2 or pictures.shape[1] != _PIXELS or len(listed) != len(pictures):
            raise DataError(
                f"{place}: data of shape {pictures.shape} with {len(listed)} labels, "
                f"expected (N, {_PIXELS}) with N"
            )
        if any(type(label) is not int for label in listed):
            raise DataError(f"{place}: labels must be whole numbers")
        if any(not 0 <= label < classes for label in listed):
            raise DataError(f"{place}: labels must be in 0..{classes - 1}")
        labels = np.array(listed, dtype=np.int64)
    if not len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"{place}: labels must be in 0..{classes - 1} for {classes} classes")
    return pictures, labels


def _entry(document: Any, key: str, kind: type, place: str) -> Any:
    if not isinstance(document, dict) or not isinstance(document.get(key), kind):
        raise DataError(f"{place}: no {key} in it, so no CIFAR file")
    return document[key]
