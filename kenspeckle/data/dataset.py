"""A Dataset: uint8 images, integer labels, class names, and where each item came from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.images import Images, joined, taken
from kenspeckle.data.listing import Excluded
from kenspeckle.data.near_duplicates import Duplicates
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import DataError


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file that items were read from, in the order of the items."""

    path: str  # as the user would find it again
    sha256: str
    items: int


@dataclass(frozen=True, kw_only=True)
class PictureFile:
    """What is known of the file that one item was decoded from."""

    name: str  # relative to the source, as it can be printed
    sha256: str  # of the file
    width: int  # after rotation
    height: int
    format: str
    mode: str
    notes: tuple[str, ...]  # of animated, 16-bit, cmyk, palette, alpha, rotated, wrong-suffix


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the items of a Dataset of picture files come from, and what was left out."""

    pictures: tuple[PictureFile, ...]  # one for each item
    excluded: tuple[Excluded, ...]
    preprocess: PreprocessConfig  # how the pictures were brought to one size
    digests: NDArray[np.uint8]  # (N, 16), equal for equal pixels
    duplicates: Duplicates  # exact and near, by indices of items
    notes: tuple[str, ...]  # what the user should know
    cache: str  # the folder with the decoded pixels


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled pictures of one size.

    Raises `DataError` where shapes or labels disagree, or where there is nothing in it.
    """

    source: str  # what `open_dataset` was asked for
    images: Images  # (N, H, W, C) of uint8, in memory or in a file
    labels: NDArray[np.int64]  # (N,), in [0, K)
    class_names: tuple[str, ...]  # K names, in the order of the labels
    official_test: NDArray[np.bool_]  # (N,) true where the source itself says "test"
    official_validation: NDArray[np.bool_] | None = None  # (N,) where it says "validation"
    groups: NDArray[np.int64] | None = None  # (N,); items of one number stay in one split
    files: tuple[SourceFile, ...] = ()
    origin: Origin | None = None  # of picture files

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or len(self.images.shape) != 4:
            raise DataError(
                f"{self.source}: images must be uint8 of shape (N, H, W, C), "
                f"got {self.images.dtype} of shape {self.images.shape}"
            )
        if 0 in self.images.shape:
            raise DataError(f"{self.source}: no pictures in it (shape {self.images.shape})")
        if self.images.shape[3] not in (1, 3) or max(self.images.shape[1:3]) > 4096:
            raise DataError(
                f"{self.source}: pictures must have 1 or 3 channels and at most 4096 pixels "
                f"a side, got {self.images.shape[1:]}"
            )
        count = len(self.images)
        if self.labels.shape != (count,) or self.official_test.shape != (count,):
            raise DataError(
                f"{self.source}: {count} images need {count} labels, got {self.labels.size}"
            )
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.class_names):
            raise DataError(
                f"{self.source}: labels must be in 0..{len(self.class_names) - 1} "
                f"for {len(self.class_names)} classes, got {low}..{high}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Dataset:
        """The items at `indices` (n,), in that order; they no longer name their files.

        Pictures that are not in memory stay where they are.
        """
        images, validation, groups = self.images, self.official_validation, self.groups
        return replace(
            self,
            images=taken(images, indices),
            labels=self.labels[indices],
            official_test=self.official_test[indices],
            official_validation=None if validation is None else validation[indices],
            groups=None if groups is None else groups[indices],
            files=(),
            origin=None,
        )

    @cached_property
    def digests(self) -> NDArray[np.uint8]:
        """(N, 16), equal for pictures that are equal in every pixel."""
        if self.origin:
            return self.origin.digests
        digests = [hashlib.sha256(image).digest()[:16] for image in self.images]
        return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(len(self), 16)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over pixels, labels, class names and official splits: same data, same text."""
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        for array in (self.digests, self.labels, self.official_test, self.official_validation):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def concatenated(parts: Sequence[Dataset]) -> Dataset:
    """All items of `parts`, which have the same classes and pictures of one size."""
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        images=joined([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        official_test=np.concatenate([part.official_test for part in parts]),
        official_validation=None,
        groups=None,
        files=(),
        origin=None,
    )


def memory_dataset(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    class_names: tuple[str, ...],
    source: str = "memory",
) -> Dataset:
    """A Dataset of arrays (N, H, W, C) and (N,); nothing in it counts as an official test set."""
    if labels.dtype.kind not in "iu":
        raise DataError(f"{source}: labels must be integers, got {labels.dtype}")
    return Dataset(
        source=source,
        images=images,
        labels=labels.astype(np.int64),
        class_names=class_names,
        official_test=np.zeros(len(images), dtype=bool),
    )
