"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), binary and python version: a folder, .tar or .tar.gz.

Every file that the version has must be there. The files of the python version are pickled; they
are read by `plain_pickle`, which runs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, SourceFile
from kenspeckle.data.sources.plain_pickle import read_pickle
from kenspeckle.data.sources.tar import MAX_MEMBER, first_names, read_members
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

Content = bytes | bytearray

PIXELS = 3 * 32 * 32  # bytes of a picture: red, green, blue; each by rows


@dataclass(frozen=True, kw_only=True)
class Version:
    """One of the four forms in which the data are published."""

    title: str
    form: Literal["binary", "python"]
    training: tuple[str, ...]
    test: str
    names: str  # the file of class names
    classes: int
    key: str  # in the python version: what goes before "labels" and "label_names"
    label_bytes: int  # in the binary version: the last of them is the label

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all of them."""
        return (*self.training, self.test, self.names)


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
VERSIONS = (
    Version(
        title="CIFAR-10, binary version", form="binary", classes=10, key="", label_bytes=1,
        training=tuple(f"{name}.bin" for name in _BATCHES), test="test_batch.bin",
        names="batches.meta.txt",
    ),
    Version(
        title="CIFAR-10, python version", form="python", classes=10, key="", label_bytes=1,
        training=_BATCHES, test="test_batch", names="batches.meta",
    ),
    Version(
        title="CIFAR-100, binary version", form="binary", classes=100, key="fine_", label_bytes=2,
        training=("train.bin",), test="test.bin", names="fine_label_names.txt",
    ),
    Version(
        title="CIFAR-100, python version", form="python", classes=100, key="fine_", label_bytes=2,
        training=("train",), test="test", names="meta",
    ),
)  # fmt: skip
_FILES = tuple(name for version in VERSIONS for name in version.files)
_COMMON = {"train", "test", "meta", "train.bin", "test.bin"}  # other data have files called so
_MAX_NAMES = 1 << 16  # bytes of a list of class names
_FIRST = 16  # members of an archive to look at; the published ones have at most 9 in all


def is_cifar(path: Path) -> bool:
    """Whether `path` is a folder or an archive with files that are called as those of CIFAR."""
    if path.is_dir():
        return bool(_fitting(_present(path)))
    names: set[str] = set()
    if path.is_file():
        for name in first_names(path, _FIRST):
            names.add(name)
            if _fitting(names):
                return True
    return False


def cifar_dataset(path: Path, *, source: str) -> Dataset:
    """The Dataset of a folder or an archive: pictures (N, 32, 32, 3); CIFAR-100 by fine labels.

    The test part is the official test set; an archive counts as one file. Raises `DataError` where
    something is missing or damaged.
    """
    whole = not path.is_dir()
    if whole:
        contents = read_members(path, _FILES)
        version = _version(path, contents)
    else:
        version = _version(path, _present(path))
        contents = {name: _file_content(path / name) for name in version.files}
    parts, files = [], []
    class_names = _class_names(version, contents[version.names], _place(path, version.names))
    for name in (*version.training, version.test):
        data = contents.pop(name)  # a whole CIFAR-100 is not kept twice
        part = _PARTS[version.form](version, data, _place(path, name))
        parts.append(part)
        if not whole:
            sha256 = hashlib.sha256(data).hexdigest()
            files.append(SourceFile(path=str(path / name), sha256=sha256, items=len(part.labels)))
    count = sum(len(part.labels) for part in parts)
    if whole:
        files.append(SourceFile(path=str(path), sha256=_sha256(path), items=count))
    return Dataset(
        source=source,
        images=_images(parts),
        labels=np.concatenate([part.labels for part in parts]),
        class_names=class_names,
        official_test=np.arange(count) >= count - len(parts[-1].labels),
        files=tuple(files),
    )


@dataclass(frozen=True, kw_only=True)
class Part:
    """The pictures of one file."""

    pixels: NDArray[np.uint8]  # (N, PIXELS)
    labels: NDArray[np.int64]  # (N,)


def _binary_part(version: Version, data: Content, place: str) -> Part:
    size = version.label_bytes + PIXELS
    if not data or len(data) % size:
        raise DataError(
            f"{place}: {len(data):,} bytes are not one or more whole records of {size:,} bytes "
            f"({version.title})"
        )
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, size)
    labels = records[:, version.label_bytes - 1].astype(np.int64)
    return _checked(version, Part(pixels=records[:, version.label_bytes :], labels=labels), place)


def _python_part(version: Version, data: Content, place: str) -> Part:
    values, key = read_pickle(data, name=place), f"{version.key}labels"
    pixels, labels = values.get("data"), values.get(key)
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2 or pixels.shape[1] != PIXELS:
        shape = f"shape {pixels.shape}" if isinstance(pixels, np.ndarray) else "none"
        raise DataError(f"{place}: 'data' must be an array of shape (N, {PIXELS}), got {shape}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{place}: {key!r} must be a list of integers ({version.title})")
    if len(labels) != len(pixels):
        raise DataError(f"{place}: {len(pixels):,} pictures, {len(labels):,} labels")
    numbers = np.array(labels, dtype=np.int64)
    return _checked(version, Part(pixels=pixels, labels=numbers), place)


_PARTS = {"binary": _binary_part, "python": _python_part}


def _checked(version: Version, part: Part, place: str) -> Part:
    low, high = part.labels.min(), part.labels.max()
    if low < 0 or high >= version.classes:
        raise DataError(f"{place}: labels must be in 0..{version.classes - 1}, got {low}..{high}")
    return part


def _images(parts: list[Part]) -> NDArray[np.uint8]:
    """The pictures of all `parts`, (N, 32, 32, 3)."""
    images = np.empty((sum(len(part.pixels) for part in parts), 32, 32, 3), dtype=np.uint8)
    start = 0
    for part in parts:
        planes = part.pixels.reshape(-1, 3, 32, 32)
        images[start : start + len(planes)] = planes.transpose(0, 2, 3, 1)
        start += len(planes)
    return images


def _class_names(version: Version, data: Content, place: str) -> tuple[str, ...]:
    names: list[object]
    if version.form == "python":
        listed = read_pickle(data, name=place).get(f"{version.key}label_names")
        names = list(listed) if isinstance(listed, list) else []
    elif len(data) > _MAX_NAMES:
        raise DataError(f"{place}: {len(data):,} bytes are too many for a list of class names")
    else:
        names = [line for line in data.splitlines() if line.strip()]
    texts = tuple(_text(name) for name in names)
    if len(texts) != version.classes or len(set(texts) - {""}) != version.classes:
        raise DataError(
            f"{place}: must list {version.classes} different class names ({version.title}), "
            f"has {len(set(texts) - {''})}"
        )
    return texts


def _text(name: object) -> str:
    """A class name as text; empty where it is none."""
    if isinstance(name, bytes | bytearray):
        name = name.decode("utf-8", "replace")
    text = name.strip() if isinstance(name, str) else ""
    return text if text.isprintable() and len(text) <= 100 and "\ufffd" not in text else ""


def _fitting(names: Iterable[str]) -> list[Version]:
    """The versions that files called `names` may be: by a telling name, or by two common ones."""
    found = set(names)
    return [
        version
        for version in VERSIONS
        if (own := found & set(version.files)) and (own - _COMMON or len(own) > 1)
    ]


def _version(path: Path, names: Iterable[str]) -> Version:
    """The one version whose files are all among `names`; raise `DataError` otherwise."""
    found = set(names)
    versions = _fitting(found)
    if len(versions) != 1:
        titles = " and ".join(version.title for version in versions)
        raise DataError(f"{path}: {titles or 'no files of CIFAR'} in it; expected those of one")
    missing = [name for name in versions[0].files if name not in found]
    if missing:
        raise DataError(f"{path}: {', '.join(missing)} missing ({versions[0].title})")
    return versions[0]


def _present(folder: Path) -> set[str]:
    return {name for name in _FILES if (folder / name).is_file()}


def _file_content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MEMBER:
            raise DataError(f"{path}: {size:,} bytes, at most {MAX_MEMBER:,} can be read")
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _place(path: Path, name: str) -> str:
    return str(path / name) if path.is_dir() else f"{path}: {name}"


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
