"""Predictions: probabilities and labels, from which everything that measures starts."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError
from kenspeckle.foreign import read_regular
from kenspeckle.storage import write_file

TaskName = Literal["classes", "number"]  # what the outputs of a network mean: `models/heads.py`
_MOST = 1 << 30  # bytes of a file
_PACKED = (
    200  # bytes that one byte may stand for, where there are over 64 MiB: bombs begin at 1,000
)
_FREE = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model said of a labelled split.

    Raises `DataError` where the shapes disagree, a label is out of range or a probability is not
    finite.
    """

    probabilities: NDArray[np.float32]  # (N, K), each row sums to 1
    labels: NDArray[np.int64]  # (N,), in [0, K)
    class_names: tuple[str, ...]  # K names
    split: str  # "train", "validation", "test"
    values: NDArray[np.float32] | None = None  # (N,) where the model tells a number

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2:
            raise DataError(f"probabilities must have shape (N, K), got {self.probabilities.shape}")
        count, classes = self.probabilities.shape
        if self.labels.shape != (count,) or len(self.class_names) != classes:
            raise DataError(
                f"{count} x {classes} probabilities need {count} labels and {classes} class names, "
                f"got {self.labels.size} labels and {len(self.class_names)} names"
            )
        if count and not 0 <= self.labels.min() <= self.labels.max() < classes:
            raise DataError(
                f"labels must be in 0..{classes - 1}, got {self.labels.min()}..{self.labels.max()}"
            )
        if self.values is not None and self.values.shape != (count,):
            raise DataError(f"{count} items need {count} values, got {self.values.size}")
        if not np.isfinite(self.probabilities).all():
            raise DataError("probabilities must be finite, got NaN or infinity")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each item, (N,)."""
        best: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return best

    def take(self, items: NDArray[np.int64]) -> Predictions:
        """Those of the `items` (n,), in that order."""
        return replace(
            self,
            probabilities=self.probabilities[items],
            labels=self.labels[items],
            values=None if self.values is None else self.values[items],
        )

    def save(self, path: Path) -> None:
        """Write an `.npz` without pickled objects, durably."""
        buffer = io.BytesIO()
        values: dict[str, Any] = {} if self.values is None else {"values": self.values}
        np.savez_compressed(
            buffer,
            probabilities=self.probabilities,
            labels=self.labels,
            class_names=np.array(self.class_names, dtype=np.str_),
            split=np.array(self.split),
            **values,
        )
        write_file(path, buffer.getvalue())


def load_predictions(path: Path) -> Predictions:
    """Read what `Predictions.save` wrote; raise `DataError` where it is damaged."""
    try:
        # NpzFile and not np.load, which returns a bare array for an .npy file
        data = read_regular(path, at_most=_MOST)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_sizes(archive)
        with np.lib.npyio.NpzFile(io.BytesIO(data), allow_pickle=False) as file:
            return Predictions(
                probabilities=file["probabilities"].astype(np.float32),
                labels=file["labels"].astype(np.int64),
                class_names=tuple(file["class_names"].tolist()),
                split=str(file["split"]),
                values=file["values"].astype(np.float32) if "values" in file else None,
            )
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path}: cannot be read as predictions: {error}") from error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Raise `ValueError` where an array is said to be larger than what is there, or is a bomb."""
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    packed = sum(info.compress_size for info in archive.infolist())
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > _FREE and unpacked > _PACKED * packed:
        raise ValueError(f"{unpacked:,} bytes unpacked, over {_PACKED} times {packed:,}")
    for info in archive.infolist():
        with archive.open(info) as member:
            version = np.lib.format.read_magic(member)
            if version not in headers:
                raise ValueError(f"{info.filename!a} is in version {version} of .npy")
            shape, _, kind = headers[version](member)
            size = member.tell() + math.prod(shape) * kind.itemsize
        if kind.hasobject:
            raise ValueError(f"{info.filename!a} holds Python objects")
        if size != info.file_size:
            raise ValueError(f"{info.filename!a} says {size:,} bytes, it has {info.file_size:,}")
