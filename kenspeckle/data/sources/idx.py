"""IDX files, plain or gzip, as http://yann.lecun.com/exdb/mnist described them.

Strict: the header must account for every byte, and nothing larger than what the file really holds
is ever allocated. Told apart from gzip by content, never by name.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, SourceFile
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
STANDARD_NAMES = {  # (images, labels) of the four files of MNIST and of its many successors
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
_MAX_RANK = 64  # numpy's limit
_DEFLATE = 1032  # bytes that one byte of gzip can stand for, at most (zlib's technical details)


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, in native byte order; raise `DataError` where it is not exact."""
    try:
        with open_regular(path) as file:
            compressed = file.read(2) == _GZIP
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if not compressed:
                return _read(file, path, size)
            with gzip.GzipFile(fileobj=file) as content:
                return _read(content, path, size)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error


def is_idx(path: Path) -> bool:
    """Whether `path` is a file that begins as an IDX file does, compressed or not."""
    try:
        with open_regular(path) as file:
            start = file.read(2)
        if start == _GZIP:
            with open_regular(path) as packed, gzip.GzipFile(fileobj=packed) as content:
                start = content.read(3)
        return start[:2] == b"\0\0"
    except (OSError, EOFError, zlib.error):
        return False


def pair_dataset(images: Path, labels: Path, *, source: str) -> Dataset:
    """The Dataset of one images file and its labels file, without an official test set."""
    return _dataset(source, [(images, labels, False)])


def folder_dataset(folder: Path, *, source: str, class_names: tuple[str, ...] = ()) -> Dataset:
    """The Dataset of a folder with the four standard names; the t10k pair is the official test."""
    parts = []
    for split, names in STANDARD_NAMES.items():
        images, labels = (_existing(folder, name) for name in names)
        parts.append((images, labels, split == "test"))
    return _dataset(source, parts, class_names)


def has_standard_files(folder: Path) -> bool:
    """Whether the four standard files are in `folder`."""
    names = [name for pair in STANDARD_NAMES.values() for name in pair]
    return all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in names)


def labels_beside(images: Path) -> Path:
    """The labels file that belongs to an images file by its name; raise `DataError` without one."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    stem = name.removesuffix(".gz")
    for candidate in (
        images.with_name(name),
        images.with_name(stem),
        images.with_name(f"{stem}.gz"),
    ):
        if candidate != images and candidate.is_file():
            return candidate
    raise DataError(f"{images}: no labels file {stem} beside it; name it with IMAGES:LABELS")


def _read(file: BinaryIO | gzip.GzipFile, path: Path, size: int) -> NDArray[Any]:
    """Read header and elements; `size` is the number of bytes on disk, compressed or not."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise DataError(f"{path}: not an IDX file (it begins with {start.hex(' ') or 'nothing'})")
    element, rank = start[2], start[3]
    if element not in ELEMENT_TYPES:
        known = ", ".join(f"0x{code:02x}" for code in ELEMENT_TYPES)
        raise DataError(f"{path}: unknown IDX element type 0x{element:02x} (known: {known})")
    if rank > _MAX_RANK:
        raise DataError(f"{path}: {rank} dimensions, at most {_MAX_RANK} can be read")
    sizes = file.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise DataError(f"{path}: the header of {rank} dimensions is cut short")
    shape = tuple(int(extent) for extent in np.frombuffer(sizes, dtype=">u4"))
    kind = ELEMENT_TYPES[element]
    expected = math.prod(shape) * kind.itemsize  # Python integers: no overflow
    if math.prod(max(1, extent) for extent in shape) * kind.itemsize >= 1 << 63:
        raise DataError(f"{path}: no array can have the shape of its header, {shape}")
    whole = 4 + 4 * rank + expected
    if isinstance(file, gzip.GzipFile):
        if whole > _DEFLATE * size:
            raise DataError(
                f"{path}: the header (shape {shape}) says {whole:,} bytes, "
                f"more than {size:,} bytes of gzip can hold"
            )
    elif whole != size:
        raise DataError(
            f"{path}: the header (shape {shape}) says {whole:,} bytes, the file has {size:,}"
        )
    data = _exactly(file, expected, path, shape)
    array: NDArray[Any] = np.frombuffer(data, dtype=kind).reshape(shape)
    return array.astype(kind.newbyteorder("="), copy=False)


def _exactly(
    file: BinaryIO | gzip.GzipFile, expected: int, path: Path, shape: tuple[int, ...]
) -> bytearray:
    """The rest of `file`, which must be `expected` bytes; grows with what is really there."""
    data = bytearray()
    while chunk := file.read(min(_CHUNK, expected + 1 - len(data))):
        data += chunk
        if len(data) > expected:
            raise DataError(
                f"{path}: more than the {expected:,} bytes of its header (shape {shape})"
            )
    if len(data) < expected:
        raise DataError(
            f"{path}: its header (shape {shape}) says {expected:,} bytes, it holds {len(data):,}"
        )
    return data


def _dataset(
    source: str, parts: list[tuple[Path, Path, bool]], class_names: tuple[str, ...] = ()
) -> Dataset:
    images, labels, tests, files = [], [], [], []
    for image_path, label_path, is_test in parts:
        pictures, classes = _images(image_path), _labels(label_path)
        if len(pictures) != len(classes):
            raise DataError(
                f"{image_path} has {len(pictures):,} images, {label_path} {len(classes):,} labels"
            )
        images.append(pictures)
        labels.append(classes)
        tests.append(np.full(len(classes), is_test))
        files.append(
            SourceFile(path=str(image_path), sha256=_sha256(image_path), items=len(classes))
        )
    shapes = {pictures.shape[1:] for pictures in images}
    if len(shapes) > 1:
        raise DataError(f"{source}: training and test images differ in size: {sorted(shapes)}")
    all_labels = np.concatenate(labels)
    count = int(all_labels.max(initial=-1)) + 1
    return Dataset(
        source=source,
        images=np.concatenate(images),
        labels=all_labels,
        class_names=class_names or tuple(map(str, range(count))),
        official_test=np.concatenate(tests),
        files=tuple(files),
    )


def _images(path: Path) -> NDArray[np.uint8]:
    array = read_idx(path)
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise DataError(
            f"{path}: images must be bytes of shape (N, H, W) or (N, H, W, C), "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array if array.ndim == 4 else array[..., np.newaxis]


def _labels(path: Path) -> NDArray[np.int64]:
    array = read_idx(path)
    if array.dtype.kind not in "ui" or array.ndim != 1:
        raise DataError(
            f"{path}: labels must be integers of shape (N,), "
            f"got {array.dtype} of shape {array.shape}"
        )
    # a label of two billion would need as many class names
    if array.size and not 0 <= array.min() <= array.max() < 65536:
        raise DataError(f"{path}: labels must be in 0..65535, got {array.min()}..{array.max()}")
    return array.astype(np.int64)


def _existing(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise DataError(f"{folder}: {name} is missing, plain or as .gz")


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
