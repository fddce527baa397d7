"""Pictures of one size that may lie in a file larger than memory, indexed as an array is."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError

_MAPPED = 64 << 20  # bytes of a file that count as our memory; the rest the system may drop


class Images(Protocol):
    """What a Dataset needs of its pictures; every array (N, H, W, C) of uint8 has it."""

    @property
    def shape(self) -> Any:
        """(N, H, W, C)."""

    @property
    def dtype(self) -> Any:
        """Of uint8."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]:
        """The pictures (H, W, C), one after the other."""

    def __getitem__(self, index: Any, /) -> Any:
        """The array (n, H, W, C) for a slice or an array of indices, (H, W, C) for an integer."""


@runtime_checkable
class KeptAside(Images, Protocol):
    """Pictures that are not in memory: a part of them is not either."""

    def take(self, indices: NDArray[np.int64], /) -> Images:
        """The pictures at `indices` (n,)."""


def taken(images: Images, indices: NDArray[np.int64]) -> Images:
    """The pictures at `indices` (n,); those that are not in memory stay where they are."""
    if _is_aside(images):
        return images.take(indices)
    found: Images = images[indices]
    return found


def joined(several: Sequence[Images]) -> Images:
    """All of `several` as one; those that are not in memory stay where they are."""
    if any(_is_aside(images) for images in several):
        return JoinedImages(several)
    found: Images = np.concatenate([images[:] for images in several])
    return found


def _is_aside(images: Images) -> TypeGuard[KeptAside]:
    return isinstance(images, KeptAside) and not isinstance(images, np.ndarray)


def parts(images: Images, size: int = 1000) -> Iterator[NDArray[np.uint8]]:
    """All of `images` in arrays of at most `size` pictures."""
    for start in range(0, len(images), size):
        yield images[start : start + size]


class StoredImages:
    """Rows of a file of pixels, in any order; only what is asked for is read.

    Raises `DataError` where the file has become shorter, which would otherwise end the process.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        path: Path,
        size: tuple[int, int, int],
        *,
        mapped: mmap.mmap,
        rows: NDArray[np.int64],
        count: int,
    ) -> None:
        """`count` pictures of `size` (H, W, C) are `mapped` from `path`; `rows` are meant."""
        self.path = path
        self.rows = rows
        self.shape = (len(rows), *size)
        self._bytes = count * size[0] * size[1] * size[2]
        self._mapped = mapped
        self._require_whole()
        self._touched = 0  # bytes read since pages were last given back
        flat = np.frombuffer(self._mapped, dtype=np.uint8, count=self._bytes)
        self._pixels = flat.reshape(count, *size)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]:
        self._require_whole()
        chosen: NDArray[np.uint8] = self._pixels[self.rows[index]]
        self._touched += chosen.nbytes
        if self._touched > _MAPPED and hasattr(self._mapped, "madvise"):
            self._mapped.madvise(mmap.MADV_DONTNEED)
            self._touched = 0
        return chosen

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self[position] for position in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, indices: NDArray[np.int64]) -> StoredImages:
        """The pictures at `indices`, still in the file."""
        other = object.__new__(StoredImages)
        other.__dict__.update(self.__dict__)
        other.rows = self.rows[indices]
        other.shape = (len(other.rows), *self.shape[1:])
        return other

    def _require_whole(self) -> None:
        size = self._mapped.size()  # of the file as it is now
        if size < self._bytes:
            raise DataError(
                f"{self.path}: cut short while in use ({size:,} of {self._bytes:,} bytes); "
                "delete it, and the pictures are decoded again"
            )


class JoinedImages:
    """Pictures of several sources of one size, one source after the other."""

    dtype = np.dtype(np.uint8)

    def __init__(self, several: Sequence[Images]) -> None:
        self.several = several
        self.ends = np.cumsum([len(images) for images in several])
        self.shape = (int(self.ends[-1]), *several[0].shape[1:])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return chain.from_iterable(self.several)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[index]
        flat = rows.reshape(-1)
        found = np.empty((len(flat), *self.shape[1:]), dtype=np.uint8)
        source = np.searchsorted(self.ends, flat, side="right")
        for number in np.unique(source).tolist():
            own = source == number
            begin = self.ends[number] - len(self.several[number])
            found[own] = self.several[number][flat[own] - begin]
        return found.reshape(*rows.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)
