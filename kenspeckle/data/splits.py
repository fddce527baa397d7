"""Stratified, seeded train, validation and test splits; an official test set stays test.

Exact copies of a picture, and items of one group, never straddle two splits drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import DataError
from kenspeckle.folds import grouped_folds

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLIT_NAMES = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Shares of each class; `test` is used only where the source has no test set of its own."""

    validation: float = 1 / 12  # of what is not test: 5,000 of the 60,000 of MNIST
    test: float = 0.15
    # parts of train and validation, each told by what was trained on the others; 0 = none, the
    # validation split is told; -1 = chosen by the number of pictures and by what folds cost
    folds: int = -1
    seed: int = 0  # apart from the seed of the run, so that runs of many seeds share one split

    def __post_init__(self) -> None:
        for name in (VALIDATION, TEST):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise ValueError(f"{name} must be between 0 and 1, got {share}")
        if not (self.folds in (-1, 0) or 2 <= self.folds <= 100):
            raise ValueError(f"folds must be -1, 0 or in 2..100, got {self.folds}")
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
    """Split `dataset` class by class; raise `DataError` where a split would be empty.

    The official splits of picture files keep what is theirs, but an item of whose group another
    is in a later split (train, validation, test) is in none: it would be a leak.
    """
    rng = np.random.default_rng([config.seed, len(dataset)])
    group = groups_of(dataset)
    is_test = dataset.official_test.copy()
    is_validation = np.zeros(len(dataset), dtype=bool)
    if dataset.official_validation is not None:
        is_validation |= dataset.official_validation & ~is_test
    is_left = ~is_test & ~is_validation
    if dataset.groups is not None:
        is_validation &= ~_of_group(group, is_test)
        is_left &= ~_of_group(group, is_test | is_validation)
    if not is_test.any():
        is_test = _choose(dataset.labels, group, is_left, config.test, rng)
        is_left &= ~is_test
    if not is_validation.any():
        is_validation = _choose(dataset.labels, group, is_left, config.validation, rng)
        is_left &= ~is_validation
    splits = Splits(
        train=np.flatnonzero(is_left),
        validation=np.flatnonzero(is_validation),
        test=np.flatnonzero(is_test),
    )
    empty = [name for name in SPLIT_NAMES if not len(splits.indices(name))]
    if empty:
        raise DataError(
            f"{dataset.source}: {len(dataset)} pictures leave {' and '.join(empty)} empty; "
            "add pictures or change splits.validation and splits.test"
        )
    learned = np.bincount(dataset.labels[splits.train], minlength=len(dataset.class_names))
    unlearned = [
        name for name, count in zip(dataset.class_names, learned, strict=True) if not count
    ]
    if dataset.groups is not None and unlearned:
        raise DataError(
            f"{dataset.source}: every picture of {', '.join(unlearned)} to train on has a copy in "
            "validation or test; add others, or remove the copies there"
        )
    return splits


def members_of(splits: Splits) -> NDArray[np.int64]:
    """All items outside the test split, ascending."""
    return np.sort(np.concatenate([splits.train, splits.validation]))


def folds_of(dataset: Dataset, members: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The fold of each of the items `members`, in 0..`count`-1; groups and copies stay whole.

    There may be fewer folds, where there are fewer groups. Raises `DataError` where all are one.
    """
    return grouped_folds(dataset.labels[members], groups_of(dataset)[members], folds=count)


def _of_group(group: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark every item of whose group one is `chosen`."""
    return np.isin(group, group[chosen])


def _choose(
    labels: NDArray[np.int64],
    group: NDArray[np.int64],
    available: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Mark `share` of what is `available`, class by class, and only whole groups.

    A group is marked where that brings its class nearer to the share. Each class keeps a picture
    that is not marked.
    """
    chosen = np.zeros(len(labels), dtype=bool)
    counts = np.bincount(labels[available])
    wanted = _apportion(share, counts)
    left = counts.copy()  # not marked
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 2))
    for label in range(len(counts)):
        for member in rng.permutation(np.flatnonzero(available & (labels == label))):
            if wanted[label] <= 0:
                break
            if chosen[member]:
                continue
            together = order[starts[group[member]] : starts[group[member] + 1]]
            together = together[available[together]]
            sizes = np.bincount(labels[together], minlength=len(counts))
            # the last pictures of a class stay, and a large group must not overshoot by much
            if np.any((left == sizes) & (sizes > 0)) or sizes[label] >= 2 * wanted[label]:
                continue
            chosen[together] = True
            wanted -= sizes
            left -= sizes
    return chosen


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


def groups_of(dataset: Dataset) -> NDArray[np.int64]:
    """A number for each item (N,), equal for items of one group or exact copies.

    From 0 without gaps, in the order in which groups appear.
    """
    keys = dataset.digests.view("V16")[:, 0] if dataset.groups is None else dataset.groups
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    found: NDArray[np.int64] = rank[group]
    return found
