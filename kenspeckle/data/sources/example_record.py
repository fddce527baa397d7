"""The `tf.train.Example` in a TFRecord, read where it lies: which features, and their first value.

Of protocol buffers it reads what this message has: lengths, varints and packed numbers. Fields
that are not known are passed over; whatever does not fit raises `ValueError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_FEATURES = 10_000
_KINDS: dict[int, Literal["bytes", "float", "int64"]] = {1: "bytes", 2: "float", 3: "int64"}
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5  # wire types


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """A list of values, of which the first is told."""

    kind: Literal["bytes", "float", "int64"]
    is_single: bool  # one value, no more
    start: int = 0  # of bytes: where they are in the record
    stop: int = 0
    number: float = 0.0  # of the other kinds


def features_of(record: bytes) -> dict[str, Feature]:
    """The features of an Example by name, without those that have no value."""
    found: dict[str, Feature] = {}
    entries = 0
    for field, start, stop in _fields(record, 0, len(record)):
        if field != 1:  # Example.features
            continue
        for entry, first, last in _fields(record, start, stop):
            entries += 1
            if entry != 1 or entries > MAX_FEATURES:  # Features.feature, a map
                raise ValueError("no map of features, or one of far too many")
            name, feature = _entry(record, first, last)
            if feature:
                found[name] = feature
            else:
                found.pop(name, None)
    return found


def _entry(record: bytes, start: int, stop: int) -> tuple[str, Feature | None]:
    name, feature = "", None
    for field, first, last in _fields(record, start, stop):
        if field == 1:
            name = record[first:last].decode("utf-8")
        elif field == 2:
            for kind, begin, end in _fields(record, first, last):
                feature = _feature(record, begin, end, _KINDS[kind]) if kind in _KINDS else None
    return name, feature


def _feature(
    record: bytes, start: int, stop: int, kind: Literal["bytes", "float", "int64"]
) -> Feature | None:
    spans = [
        (first, last)
        for field, first, last in _fields(record, start, stop, kind=kind)
        if field == 1 and (kind == "bytes" or last > first)
    ]
    if not spans:
        return None
    first, last = spans[0]
    if kind == "bytes":
        return Feature(kind=kind, is_single=len(spans) == 1, start=first, stop=last)
    number: float
    if kind == "int64":
        number, end = _varint(record, first, last)
        number -= (number >> 63) << 64  # two's complement
    elif (last - first) % 4:
        raise ValueError("not a list of numbers of 4 bytes")
    else:
        number, end = struct.unpack_from("<f", record, first)[0], first + 4
    return Feature(kind=kind, is_single=len(spans) == 1 and end == last, number=number)


def _fields(
    record: bytes, start: int, stop: int, *, kind: str = ""
) -> Iterator[tuple[int, int, int]]:
    """Number, start and stop of each field; numbers outside of lists of `kind` are passed over."""
    at = start
    while at < stop:
        tag, at = _varint(record, at, stop)
        wire, begin = tag & 7, at
        if wire == _VARINT:
            _, at = _varint(record, at, stop)
        elif wire == _LENGTH:
            length, begin = _varint(record, at, stop)
            at = begin + length
        elif wire in (_EIGHT, _FOUR):
            at += 8 if wire == _EIGHT else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > stop:
            raise ValueError("a field goes beyond its end")
        is_number = (kind, wire) in (("int64", _VARINT), ("float", _FOUR))
        if wire == _LENGTH or is_number:
            yield tag >> 3, begin, at


def _varint(record: bytes, at: int, stop: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= stop:
            raise ValueError("a number is cut short")
        byte = record[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number of more than 64 bits")
