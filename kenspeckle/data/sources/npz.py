"""Pictures and labels in one .npz file, by the names that Keras, MedMNIST and others give them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, SourceFile
from kenspeckle.data.listing import SplitName, printable
from kenspeckle.data.sources.npy import member_names, read_arrays
from kenspeckle.errors import DataError
from kenspeckle.foreign import open_regular

LAYOUTS: tuple[dict[SplitName | None, tuple[str, str]], ...] = (  # the first that is there
    {
        "train": ("x_train", "y_train"),
        "validation": ("x_val", "y_val"),
        "test": ("x_test", "y_test"),
    },
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
    {None: ("images", "labels")},
)
NAMES = "class_names"
_EXPECTED = "x_train and y_train, train_images and train_labels, or images and labels"
_MAX_LABEL = 65535
_MAX_SIDE = 4096  # pixels, as Dataset accepts
_LISTED = 20  # arrays that an error names


@dataclass(frozen=True, kw_only=True)
class _Part:
    split: SplitName | None
    images: NDArray[np.uint8]  # (N, H, W, C)
    labels: NDArray[np.int64]  # (N,)


def is_npz(path: Path) -> bool:
    """Whether `path` is a zip file with nothing but .npy arrays in it, or is called .npz."""
    return path.is_file() and (path.name.lower().endswith(".npz") or bool(member_names(path)))


def npz_dataset(path: Path, *, source: str) -> Dataset:
    """The Dataset of an .npz file; its test and validation arrays are the official splits.

    Raises `DataError` where names, types or shapes are not those of pictures and their labels.
    """
    present = member_names(path)
    layout = _layout(present, path)
    wanted = [name for pair in layout.values() for name in pair]
    arrays = read_arrays(path, [*wanted, NAMES])
    names = arrays.pop(NAMES, None)
    parts = []
    for split, (images, labels) in layout.items():
        pictures = _images(arrays.pop(images), f"{path}: {images}")
        classes = _labels(arrays.pop(labels), f"{path}: {labels}")
        if len(pictures) != len(classes):
            raise DataError(
                f"{path}: {len(pictures):,} pictures in {images}, {len(classes):,} in {labels}"
            )
        parts.append(_Part(split=split, images=pictures, labels=classes))
    shapes = {part.images.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise DataError(f"{path}: pictures of one size are needed, got {sorted(shapes)}")
    all_labels = np.concatenate([part.labels for part in parts])
    count = int(all_labels.max()) + 1
    validation = _of_split(parts, "validation")
    return Dataset(
        source=source,
        images=parts[0].images if len(parts) == 1 else np.concatenate([p.images for p in parts]),
        labels=all_labels,
        class_names=_class_names(names, path) or tuple(map(str, range(count))),
        official_test=_of_split(parts, "test"),
        official_validation=validation if validation.any() else None,
        files=(SourceFile(path=str(path), sha256=_sha256(path), items=len(all_labels)),),
    )


def _layout(present: Sequence[str], path: Path) -> dict[SplitName | None, tuple[str, str]]:
    """The pairs of images and labels that are there."""
    for layout in LAYOUTS:
        found = {}
        for split, (images, labels) in layout.items():
            if images in present and labels in present:
                found[split] = (images, labels)
            elif images in present or labels in present:
                missing = labels if images in present else images
                raise DataError(f"{path}: {missing} is missing ({_listed(present)})")
        if "train" in found or None in found:
            return found
    if not present:
        raise DataError(f"{path}: not an .npz file, or damaged: no zip file of .npy arrays")
    raise DataError(f"{path}: no arrays {_EXPECTED} ({_listed(present)})")


def _listed(present: Sequence[str]) -> str:
    names = ", ".join(printable(name[:60]) for name in present[:_LISTED])
    return f"it has {names}{' and more' if len(present) > _LISTED else ''}"


def _images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """(N, H, W, C) of what is (N, H, W), (N, H, W, C) or (N, C, H, W)."""
    if array.dtype != np.uint8:
        raise DataError(
            f"{name}: pictures must be uint8 in 0..255, got {array.dtype}; {_advice(array.dtype)}"
        )
    if array.ndim == 3 and max(array.shape[1:]) <= _MAX_SIDE:
        return array[..., np.newaxis]
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    raise DataError(
        f"{name}: pictures must be of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 "
        f"channels, got {array.shape}"
    )


def _advice(kind: np.dtype[Any]) -> str:
    if kind.kind == "f":
        return "if they are in 0..1, save numpy.round(255 * images).astype(numpy.uint8)"
    if kind.itemsize == 2:
        return "if they use all 16 bits, save (images // 257).astype(numpy.uint8)"
    return "if they are in 0..255, save images.astype(numpy.uint8)"


def _labels(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """(N,) of what is (N,) or (N, 1)."""
    if array.dtype.kind not in "iu":
        raise DataError(f"{name}: labels must be integers, got {array.dtype}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(
            f"{name}: labels must be of shape (N,) or (N, 1), one class for each picture, "
            f"got {array.shape}; if one of each row is 1, save labels.argmax(axis=1)"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > _MAX_LABEL:
        raise DataError(f"{name}: labels must be in 0..{_MAX_LABEL}, got {low}..{high}")
    return array.astype(np.int64)


def _class_names(array: NDArray[Any] | None, path: Path) -> tuple[str, ...]:
    if array is None:
        return ()
    if array.ndim != 1 or array.dtype.kind not in "US":
        raise DataError(
            f"{path}: {NAMES} must be text of shape (K,), got {array.dtype} of shape {array.shape}"
        )
    try:
        text = [name.decode() if isinstance(name, bytes) else name for name in array.tolist()]
        names = tuple(map(printable, text))
    except ValueError as error:  # numbers that are no letters, or bytes that are no UTF-8
        raise DataError(f"{path}: {NAMES} is not text in UTF-8") from error
    if len(set(names)) < len(names) or not all(names):
        raise DataError(f"{path}: {NAMES} has a name twice, or an empty one")
    return names


def _of_split(parts: Sequence[_Part], split: SplitName) -> NDArray[np.bool_]:
    return np.concatenate([np.full(len(part.labels), part.split == split) for part in parts])


def _sha256(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
