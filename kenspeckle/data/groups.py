"""Which pictures must stay in one split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.listing import Item
from kenspeckle.data.near_duplicates import Duplicates
from kenspeckle.data.source_config import SourceConfig


def groups(
    items: Sequence[Item],
    digests: NDArray[np.uint8],
    duplicates: Duplicates,
    config: SourceConfig,
) -> NDArray[np.int64]:
    """One number for all that must stay in one split: copies, near copies, the source's groups."""
    group = duplicates.group
    if config.near_duplicates == "off":
        group = np.unique(digests.view("V16")[:, 0], return_inverse=True)[1]
    named = sorted({item.group for item in items if item.group})
    if not named:
        return group
    position = {name: len(items) + number for number, name in enumerate(named)}
    return _united(group, [position.get(item.group, -1) for item in items])


def _united(group: NDArray[np.int64], other: Sequence[int]) -> NDArray[np.int64]:
    """Numbers equal where `group` or `other` (-1 = none) connect two items, directly or not."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = np.flatnonzero(np.array(other) >= 0)
    size = int(max(group.max(), max(other))) + 1
    edges = coo_array(
        (np.ones(len(rows)), (group[rows], np.array(other)[rows])), shape=(size, size)
    )
    found: NDArray[np.int64] = connected_components(edges, directed=False)[1][group]
    return found
