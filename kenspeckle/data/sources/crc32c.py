"""CRC-32C (Castagnoli), the checksum of TFRecord files, of many records at a time.

A CRC is linear over bits: all blocks of 128 bytes are summed side by side, each sum is moved over
the bytes that follow it in its record, and the sums of a record are XORed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # bits reversed, as in RFC 3720, appendix B.4
_WORDS = 32  # of 4 bytes in a block
_BLOCK = 4 * _WORDS
_LANES = 4096  # blocks side by side: 512 KiB, which the cache of a processor core holds
_MASK_DELTA = 0xA282EAD8  # of TFRecord, so that a sum over data with sums in them stays a good one

Words = NDArray[np.uint32]


def crc32c(records: Sequence[bytes]) -> Words:
    """The sum of each of `records` (n,)."""
    blocks = [-(-max(4, len(record)) // _BLOCK) for record in records]
    if not blocks:
        return np.zeros(0, dtype=np.uint32)
    ends = np.cumsum(blocks)
    data = np.zeros(int(ends[-1]) * _BLOCK, dtype=np.uint8)
    for record, end in zip(records, (ends * _BLOCK).tolist(), strict=True):
        # zeros in front change nothing in a sum that begins with 0; to begin with ones is to
        # invert the first four bytes
        start = end - len(record)
        data[start:end] = np.frombuffer(record, dtype=np.uint8)
        data[start : min(start + 4, end)] ^= 0xFF
    sums = _block_sums(data.view("<u4").reshape(-1, _WORDS))
    counts = np.array(blocks)
    following = np.repeat(ends, counts) - 1 - np.arange(len(sums))
    _move(sums, following)
    found: Words = np.bitwise_xor.reduceat(sums, ends - counts) ^ np.uint32(0xFFFFFFFF)
    for row, record in enumerate(records):
        if len(record) < 4:  # the ones do not fit in
            found[row] = crc32c_short(record)
    return found


def crc32c_short(data: bytes) -> int:
    """The sum of a few bytes, where the arrays of `crc32c` would cost more than they save."""
    table = _byte_table()
    state = 0xFFFFFFFF
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """What a TFRecord file keeps of a sum."""
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF


@cache
def _byte_table() -> tuple[int, ...]:
    table = []
    for state in range(256):
        for _ in range(8):
            state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
        table.append(state)
    return tuple(table)


def _block_sums(blocks: Words) -> Words:
    """The sums, beginning with 0, of `blocks` (n, _WORDS)."""
    low, high = _tables(4)
    sums = np.empty(len(blocks), dtype=np.uint32)
    for start in range(0, len(blocks), _LANES):
        words = np.ascontiguousarray(blocks[start : start + _LANES].T)
        state = np.zeros(words.shape[1], dtype=np.uint32)
        for word in words:
            state ^= word
            state = low.take(state & 0xFFFF) ^ high.take(state >> 16)
        sums[start : start + _LANES] = state
    return sums


def _move(sums: Words, following: NDArray[np.int64]) -> None:
    """Change each of `sums` as the number of zero blocks in `following` would."""
    for bit in range(int(following.max(initial=0)).bit_length()):
        rows = np.flatnonzero(following >> bit & 1)
        low, high = _tables(_BLOCK << bit)
        moved = sums[rows]
        sums[rows] = low.take(moved & 0xFFFF) ^ high.take(moved >> 16)


@cache
def _tables(count: int) -> tuple[Words, Words]:
    """What `count` zero bytes, a power of two, make of the low and the high half of a sum."""
    if count == 1:
        states = np.arange(1 << 16, dtype=np.uint32)
        table = np.array(_byte_table(), dtype=np.uint32)
        return table[states & 0xFF] ^ states >> 8, states << np.uint32(8)
    low, high = _tables(count // 2)
    first, second = (low[half & 0xFFFF] ^ high[half >> 16] for half in (low, high))
    return first, second
