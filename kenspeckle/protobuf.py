"""The wire format of protobuf, read without a library: fields by number, nothing is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kenspeckle.foreign_text import Refused

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CUT = "it is cut short or no protobuf message"


@dataclass(frozen=True)
class Field:
    """One field of a message; of the two contents one is empty."""

    number: int
    kind: int  # how it is written
    value: int  # of a varint
    content: memoryview  # of a message, a string, bytes or fixed numbers
    start: int  # of the whole field in its message, tag included
    end: int


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in the order of the file; raises `Refused` where it is damaged."""
    place, size = 0, len(message)
    while place < size:
        start = place
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        value, length = 0, 0
        if kind == _VARINT:
            value, place = _varint(message, place)
        elif kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:  # groups, which nothing has written for twenty years
            raise Refused(_CUT)
        if number == 0 or length > size - place:
            raise Refused(_CUT)
        yield Field(number, kind, value, message[place : place + length], start, place + length)
        place += length


def numbers(field: Field) -> list[int]:
    """The varints of a repeated field, packed or alone."""
    if field.kind == _VARINT:
        return [field.value]
    found, place = [], 0
    while place < len(field.content):
        value, place = _varint(field.content, place)
        found.append(value)
    return found


def text(field: Field) -> str:
    """The string in a field; raises `Refused` where it is no UTF-8."""
    try:
        return str(field.content, "utf-8")
    except UnicodeDecodeError as error:
        raise Refused("a name in it is no UTF-8") from error


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of 64 bits at most and the place after it."""
    value = 0
    for count in range(10):
        if place + count >= len(message):
            raise Refused(_CUT)
        byte = message[place + count]
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value, place + count + 1
    raise Refused(_CUT)
