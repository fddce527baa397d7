"""Stratified, seeded train, validation and test splits; an official test set stays test.

Exact copies of a picture never straddle two splits that are drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLIT_NAMES = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Shares of each class; `test` is used only where the source has no test set of its own."""

    validation: float = 1 / 12  # of what is not test: 5,000 of the 60,000 of MNIST
    test: float = 0.15
    seed: int = 0  # apart from the seed of the run, so that runs of many seeds share one split

    def __post_init__(self) -> None:
        for name in (VALIDATION, TEST):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise ValueError(f"{name} must be between 0 and 1, got {share}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Which item is in which split: ascending indices into the Dataset."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def indices(self, name: str) -> NDArray[np.int64]:
        """The indices of the split called `name`; raise `DataError` for another name."""
        if name not in SPLIT_NAMES:
            raise DataError(f"unknown split {name!r} (known: {', '.join(SPLIT_NAMES)})")
        found: NDArray[np.int64] = getattr(self, name)
        return found


def draw(dataset: Dataset, config: SplitConfig) -> Splits:
    """Split `dataset` class by class; raise `DataError` where a split would be empty."""
    rng = np.random.default_rng([config.seed, len(dataset)])
    group = _copies(dataset)
    is_test = dataset.official_test.copy()
    if not is_test.any():
        is_test = _choose(dataset.labels, group, ~is_test, config.test, rng)
    is_validation = _choose(dataset.labels, group, ~is_test, config.validation, rng)
    splits = Splits(
        train=np.flatnonzero(~is_test & ~is_validation),
        validation=np.flatnonzero(is_validation),
        test=np.flatnonzero(is_test),
    )
    empty = [name for name in SPLIT_NAMES if not len(splits.indices(name))]
    if empty:
        raise DataError(
            f"{dataset.source}: {len(dataset)} pictures leave {' and '.join(empty)} empty; "
            "add pictures or change splits.validation and splits.test"
        )
    return splits


def _choose(
    labels: NDArray[np.int64],
    group: NDArray[np.int64],
    available: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Mark `share` of what is `available`, class by class; copies follow the first of them.

    Each class keeps a picture that is not marked, even if all its pictures are copies.
    """
    chosen = np.zeros(len(labels), dtype=bool)
    counts = np.bincount(labels[available])
    for label, wanted in enumerate(_apportion(share, counts)):
        members = rng.permutation(np.flatnonzero(available & (labels == label)))
        chosen[members[:wanted]] = True
    first = np.unique(group, return_index=True)[1]
    marked: NDArray[np.bool_] = chosen[first][group] & available
    left = np.bincount(labels[available & ~marked], minlength=len(counts))
    for empty in np.flatnonzero((counts > 0) & (left == 0)):  # all its pictures are copies
        kept = group[np.flatnonzero(available & (labels == empty))[0]]
        marked &= group != kept
    return marked


def _apportion(share: float, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """`share` of each of `counts`, whole and summing to the share of all (largest remainders).

    A class always keeps one picture, even if it has only that one.
    """
    exact = share * counts
    wanted = np.floor(exact).astype(np.int64)
    missing = round(exact.sum()) - wanted.sum()
    wanted[np.argsort(wanted - exact, kind="stable")[:missing]] += 1
    whole: NDArray[np.int64] = np.minimum(wanted, np.maximum(counts - 1, 0))
    return whole


def _copies(dataset: Dataset) -> NDArray[np.int64]:
    """A number for each item, equal for pictures that are equal in every pixel; shape (N,)."""
    seen: dict[bytes, int] = {}
    digests = (blake2b(image, digest_size=16).digest() for image in dataset.images)
    return np.array([seen.setdefault(digest, len(seen)) for digest in digests])
