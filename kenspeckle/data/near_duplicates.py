"""Pictures that are the same or nearly the same, which must not straddle two splits.

A perceptual hash proposes pairs, the pixels of the thumbnails decide. Found are copies saved again,
resized, made brighter or darker, mildly blurred, shifted or cropped by some 5 %. Not found are
mirrored, rotated or strongly cropped ones, and copies of flat pictures that are not exact: there
is nothing in them to recognise. Thumbnails are grey: what differs in colour alone counts as a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data import alignment
from kenspeckle.data.duplicate_limits import Limits, limits_for
from kenspeckle.data.hash_search import Close, close_pairs
from kenspeckle.data.perceptual_hash import hashes
from kenspeckle.data.thumbnails import SIDE
from kenspeckle.errors import DataError

FLAT = 2.0  # grey levels; below this standard deviation a thumbnail says nothing
_CHUNK = 16384  # pairs compared at a time


@dataclass(frozen=True, kw_only=True)
class NearPair:
    """Two pictures found to be nearly the same, and why."""

    first: int
    second: int
    hash_distance: int  # bits of 64
    pixel_distance: float  # share of the variance that alignment leaves unexplained


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Which of N pictures are copies of which; groups of two and more indices, ascending.

    `near` holds the exact copies of its members too. `pairs` connects each near group; pairs whose
    pictures others had connected already were not compared.
    """

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]  # groups with pictures that are not exact copies
    group: NDArray[np.int64]  # (N,) a number from 0, equal for what must stay in one split
    pairs: tuple[NearPair, ...]
    limits: Limits  # what these pictures allowed


def near_duplicates(
    thumbnails: NDArray[np.uint8],
    digests: NDArray[np.uint8],
    *,
    limits: Limits | None = None,
    confirmation: Literal["pixels", "none"] = "pixels",
) -> Duplicates:
    """Group the pictures of `thumbnails` (N, 32, 32); equal `digests` (N, 16) are exact copies.

    Without `limits` they are chosen from the pictures (`limits_for`). `confirmation` "none"
    believes the hash alone; it is there to measure what the pixels add. Raises `DataError` where
    the shapes do not fit.
    """
    if thumbnails.shape[1:] != (SIDE, SIDE) or digests.shape != (len(thumbnails), 16):
        raise DataError(
            f"thumbnails must be (N, {SIDE}, {SIDE}) and digests (N, 16), "
            f"got {thumbnails.shape} and {digests.shape}"
        )
    keys = np.ascontiguousarray(digests).view("V16")[:, 0]
    _, chosen, exact = np.unique(keys, return_index=True, return_inverse=True)
    # one of each set of exact copies, unless it is flat
    chosen = np.sort(chosen[thumbnails[chosen].std(axis=(1, 2)) >= FLAT])
    images = thumbnails[chosen]
    found = hashes(images)
    limits = limits or limits_for(images, found)
    search = _Search(images, limits, confirmation)
    for close in close_pairs(found, reach=limits.hash_distance, method=limits.method):
        search.add(close)
    found_pairs = [(pair.first, pair.second) for pair in search.pairs]
    edges = np.array(found_pairs, dtype=np.int64).reshape(-1, 2)
    group = _components(exact, exact[chosen[edges]])
    return Duplicates(
        exact=_members(exact),
        near=_members(group, apart=exact),
        group=group,
        pairs=tuple(
            NearPair(
                first=int(chosen[pair.first]),
                second=int(chosen[pair.second]),
                hash_distance=pair.hash_distance,
                pixel_distance=pair.pixel_distance,
            )
            for pair in search.pairs
        ),
        limits=limits,
    )


@dataclass(eq=False)
class _Search:
    """Pairs confirmed so far, and which pictures they connect."""

    images: NDArray[np.uint8]  # (N, 32, 32)
    limits: Limits
    confirmation: Literal["pixels", "none"]
    pairs: list[NearPair] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.coarse = alignment.coarse(self.images)
        self.group = np.arange(len(self.images))

    def add(self, close: Close) -> None:
        """Compare what hashes propose; the nearest hashes first, as they may spare the others."""
        order = np.argsort(close.distance, kind="stable")
        for start in range(0, len(order), _CHUNK):
            some = order[start : start + _CHUNK]
            first, second = close.first[some], close.second[some]
            is_open = self.group[first] != self.group[second]
            if is_open.any():
                self._compare(first[is_open], second[is_open], close.distance[some][is_open])

    def _compare(
        self, first: NDArray[np.int64], second: NDArray[np.int64], bits: NDArray[np.uint8]
    ) -> None:
        pixels = np.zeros(len(first), dtype=np.float32)
        if self.confirmation == "pixels":
            apart = alignment.coarse_distances(self.coarse, first, second)
            is_left = apart < alignment.COARSE_LIMIT
            first, second, bits = first[is_left], second[is_left], bits[is_left]
            pixels = alignment.distances(self.images, first, second)
        is_near = pixels < self.limits.pixel_distance
        if not is_near.any():
            return
        edges = np.stack([first[is_near], second[is_near]], axis=1)
        self.pairs += [
            NearPair(
                first=int(edge[0]),
                second=int(edge[1]),
                hash_distance=int(hash_distance),
                pixel_distance=float(pixel_distance),
            )
            for edge, hash_distance, pixel_distance in zip(
                edges, bits[is_near], pixels[is_near], strict=True
            )
        ]
        self.group = _components(self.group, self.group[edges])


def _components(group: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """`group` (N,) with the groups that `edges` (E, 2) connect made one, numbered from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = int(group.max()) + 1 if len(group) else 0
    graph = coo_array((np.ones(len(edges), dtype=bool), edges.T), shape=(size, size))
    united: NDArray[np.int64] = connected_components(graph, directed=False)[1][group]
    _, first, number = np.unique(united, return_index=True, return_inverse=True)
    # numbered as they appear
    return np.argsort(np.argsort(first))[number]


def _members(
    group: NDArray[np.int64], *, apart: NDArray[np.int64] | None = None
) -> tuple[tuple[int, ...], ...]:
    """Groups of two and more, by their first; only those that unite several of `apart`."""
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []
    wanted = (
        part
        for part in parts
        if len(part) > 1 and (apart is None or len(np.unique(apart[part])) > 1)
    )
    return tuple(sorted(tuple(part.tolist()) for part in wanted))
