"""Folds: parts of few pictures, each of which is told by what was learned from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError

FOLDS = 5
FEW = 500  # pictures, below which a validation split of its own says too little


def grouped_folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64], *, folds: int
) -> NDArray[np.int64]:
    """The fold (N,) of each item: groups stay whole, classes are spread as evenly as they allow.

    There are as many folds as asked for, or as many as there are groups if those are fewer.
    Raises `DataError` where all items are of one group.
    """
    names, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    folds = min(folds, len(names))
    if folds < 2:
        raise DataError(f"cross-validation needs items of 2 groups or more, got {len(names)}")
    table = np.zeros((len(names), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (group, labels), 1)
    # the largest first, then in a fixed shuffle, since neighbours in a folder resemble each other
    order = np.lexsort((np.random.default_rng(0).permutation(len(names)), -sizes))
    held = np.zeros((folds, table.shape[1]), dtype=np.int64)
    place = np.empty(len(names), dtype=np.int64)
    for index in order:
        main = int(table[index].argmax())
        place[index] = np.lexsort((held.sum(axis=1), held[:, main]))[0]
        held[place[index]] += table[index]
    return place[group]
