"""Seeded damage to files, for tests that read what nobody should trust."""

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

MEGABYTE = 1 << 20
TELLING = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1")

Result = TypeVar("Result")
Damage = Callable[[bytes, bytes, np.random.Generator], bytes]


def _place(data: bytes, rng: np.random.Generator) -> int:
    """A position in `data`; half of the time among its first 64 bytes, where headers are."""
    limit = min(64, len(data)) if rng.random() < 0.5 else len(data)
    return int(rng.integers(max(1, limit)))


def flip_bits(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        damaged[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def truncate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def grow(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    count = int(rng.integers(1, 200))
    return data + (bytes(count) if rng.random() < 0.3 else rng.bytes(count))


def zero_block(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    start, count = _place(data, rng), int(rng.integers(1, 64))
    return data[:start] + bytes(len(data[start : start + count])) + data[start + count :]


def overwrite(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    start, word = _place(data, rng), TELLING[rng.integers(len(TELLING))]
    return data[:start] + word + data[start + len(word) :]


def remove_block(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + data[start + int(rng.integers(1, 32)) :]


def repeat_block(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    return data[:start] + data[start : start + int(rng.integers(1, 32))] + data[start:]


def splice(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def join(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data + other


DAMAGES: tuple[Damage, ...] = (
    flip_bits, truncate, grow, zero_block, overwrite, remove_block, repeat_block, splice, join,
)  # fmt: skip


def mutants(
    originals: Sequence[bytes], *, count: int, seed: int, damages: Sequence[Damage] = DAMAGES
) -> Iterator[tuple[str, bytes]]:
    """`count` damaged copies of `originals`, each with a name that says how it came about."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        data, other = (originals[rng.integers(len(originals))] for _ in range(2))
        damage = damages[number % len(damages)]
        yield f"seed {seed}, number {number}, {damage.__name__}", damage(data, other, rng)


def traced_peak(action: Callable[[], Result]) -> tuple[int, Result]:
    """The most bytes that Python and numpy held at a time for `action`, and what it returned."""
    tracemalloc.start()
    try:
        result = action()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()
