"""Which hashes are close: every pair, or by tables of parts of the hash; both find the same.

The distance of two pictures is the least Hamming distance of the hash of one from those of the
other and of its shifted versions. By tables: the 64 bits are 4 bands of 16; hashes that differ in
7 bits or fewer differ in 1 or fewer within some band, so that 17 entries of each band's table hold
all that are close (in 3 or fewer: not at all within some band, 1 entry).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.perceptual_hash import BITS, distance

BANDED_REACH = 7  # bits; the tables find no pair that differs in more
_BANDS = 4
_KEYS = 1 << (BITS // _BANDS)
_BLOCK = 1 << 21  # comparisons at a time: their 20 MB stay near the processor


@dataclass(frozen=True, kw_only=True)
class Close:
    """Pairs of pictures, first < second, whose hashes are close."""

    first: NDArray[np.int64]  # (P,)
    second: NDArray[np.int64]  # (P,)
    distance: NDArray[np.uint8]  # (P,) bits


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Pictures by one band of their hash: those of key k are order[starts[k] : starts[k + 1]]."""

    band: int
    order: NDArray[np.int64]  # (N,)
    starts: NDArray[np.int64]  # (65537,)


def close_pairs(
    hashes: NDArray[np.uint64], *, reach: int, method: Literal["exhaustive", "banded"]
) -> Iterator[Close]:
    """Pairs of `hashes` (N, shifts) at most `reach` bits apart, some at a time.

    A pair may come again, from its other side or shifted otherwise, at a greater distance.
    """
    return _exhaustive(hashes, reach) if method == "exhaustive" else _banded(hashes, reach)


def banded_comparisons(hashes: NDArray[np.uint64], *, reach: int) -> int:
    """How many comparisons the tables would need for `hashes` (N, shifts)."""
    total = 0
    for band in range(_BANDS):
        keys = _keys(hashes, band)
        held = np.bincount(keys[:, 0], minlength=_KEYS)
        asked = np.bincount(keys.ravel(), minlength=_KEYS)
        total += sum(int(asked @ held[np.arange(_KEYS) ^ mask]) for mask in _masks(reach))
    return total


def _exhaustive(hashes: NDArray[np.uint64], reach: int) -> Iterator[Close]:
    plain = np.ascontiguousarray(hashes[:, 0])
    rows = max(1, _BLOCK // (8 * max(1, len(hashes))))
    for start in range(0, len(hashes), rows):
        block = hashes[start : start + rows]
        least = distance(block[:, :1], plain)
        for column in range(1, hashes.shape[1]):
            np.minimum(least, distance(block[:, column : column + 1], plain), out=least)
        row, second = np.divmod(np.flatnonzero(least <= reach), len(hashes))
        yield _ordered(start + row, second, least[row, second])


def _banded(hashes: NDArray[np.uint64], reach: int) -> Iterator[Close]:
    assert reach <= BANDED_REACH
    plain = np.ascontiguousarray(hashes[:, 0])
    tables = [_table(hashes, band) for band in range(_BANDS)]
    for table in tables:
        keys = _keys(hashes, table.band)
        sizes = np.diff(table.starts)
        for mask in _masks(reach):
            wanted = keys ^ mask
            # whole pictures at a time, as many as fill a block
            cost = np.cumsum(sizes[wanted].sum(axis=1))
            cuts = np.searchsorted(cost, np.arange(0, cost[-1], _BLOCK), side="right")
            for start, stop in zip(cuts, [*cuts[1:], len(hashes)], strict=True):
                if stop > start:
                    yield _looked_up(hashes, plain, table, wanted, range(start, stop), reach)


def _looked_up(
    hashes: NDArray[np.uint64],
    plain: NDArray[np.uint64],
    table: _Table,
    wanted: NDArray[np.int64],
    rows: range,
    reach: int,
) -> Close:
    """Pairs of `rows` with what their `wanted` keys (N, shifts) have in the table."""
    keys = wanted[rows.start : rows.stop].ravel()
    asking = hashes[rows.start : rows.stop].ravel()
    sizes = table.starts[keys + 1] - table.starts[keys]
    which = np.repeat(np.arange(len(keys)), sizes)
    # the place of each within its key's part of the table
    within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = table.order[table.starts[keys[which]] + within]
    is_close = distance(asking[which], plain[found]) <= reach
    which, found = which[is_close], found[is_close]
    different = asking[which] ^ plain[found]
    is_ours = ~_is_earlier(different, table.band, reach)
    first = rows.start + which[is_ours] // hashes.shape[1]
    return _ordered(first, found[is_ours], np.bitwise_count(different[is_ours]))


def _is_earlier(different: NDArray[np.uint64], band: int, reach: int) -> NDArray[np.bool_]:
    """Whether the table of a band before `band` has told of these already."""
    is_earlier = np.zeros(len(different), dtype=bool)
    for before in range(band):
        part = np.uint64(_KEYS - 1) << np.uint64(BITS // _BANDS * before)
        is_earlier |= np.bitwise_count(different & part) <= reach // _BANDS
    return is_earlier


def _ordered(
    first: NDArray[np.int64], second: NDArray[np.int64], apart: NDArray[np.uint8]
) -> Close:
    """Each pair once, with its least distance, none of a picture with itself."""
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((apart, upper, lower))
    order = order[lower[order] != upper[order]]
    lower, upper, apart = lower[order], upper[order], apart[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (lower[1:] != lower[:-1]) | (upper[1:] != upper[:-1])
    return Close(first=lower[is_first], second=upper[is_first], distance=apart[is_first])


def _table(hashes: NDArray[np.uint64], band: int) -> _Table:
    keys = _keys(hashes, band)[:, 0]
    order = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[order], np.arange(_KEYS + 1))
    return _Table(band=band, order=order, starts=starts)


def _keys(hashes: NDArray[np.uint64], band: int) -> NDArray[np.int64]:
    width = BITS // _BANDS
    return ((hashes >> np.uint64(width * band)) & np.uint64(_KEYS - 1)).astype(np.int64)


def _masks(reach: int) -> list[int]:
    """What to change in a key to find all that may be within `reach`."""
    return [0] if reach < _BANDS else [0, *(1 << bit for bit in range(BITS // _BANDS))]
