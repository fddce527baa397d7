"""What a pickle file says to make a numpy array of bytes: four names, recognised, never called."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError

MAX_NAME = 100  # bytes of a name, or of a key


class Name(Enum):
    """All that a file may name."""

    ENCODE = "_codecs.encode"
    RECONSTRUCT = "numpy.core.multiarray._reconstruct"
    NDARRAY = "numpy.ndarray"
    DTYPE = "numpy.dtype"


_NAMES = {name.value: name for name in Name} | {
    "numpy._core.multiarray._reconstruct": Name.RECONSTRUCT  # as numpy 2 calls it
}


class ByteType:
    """What stands for numpy.dtype("u1") while a file is read."""


class PickledArray:
    """An array, empty until BUILD gives it its content."""

    content: NDArray[np.uint8] | None = None


def named(module: object, attribute: object) -> Name:
    """The one of the four that a file calls `module`.`attribute`; `DataError` for any other."""
    full = f"{module}.{attribute}" if isinstance(module, str) and isinstance(attribute, str) else ""
    if full not in _NAMES:
        shown = ascii(full[:MAX_NAME]) if full else "something that is not text"
        raise DataError(
            f"it names {shown}, which no file of pixels and labels needs; "
            "nothing was run, and pickle must not open it"
        )
    return _NAMES[full]


def made(function: Any, arguments: Any) -> bytes | ByteType | PickledArray:
    """What calling `function`, a Name, would have made, for exactly the calls of numpy."""
    match function, arguments:
        case Name.ENCODE, (str() as text, "latin1"):
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                raise DataError("bytes written as text have a character over 255") from None
        case Name.DTYPE, (b"u1" | "u1", *_):
            return ByteType()
        case Name.DTYPE, (str() | bytes() as kind, *_):
            raise DataError(f"an array of numpy type {kind[:20]!a}, only 'u1' can be read")
        case Name.RECONSTRUCT, (Name.NDARRAY, (0,), b"b" | "b"):
            return PickledArray()
    raise DataError("a call that making an array of bytes does not need")


def fill(target: Any, state: Any) -> None:
    """Give an array, or its type, the `state` that numpy wrote for it."""
    match target, state:
        case ByteType(), tuple():
            return
        case PickledArray(content=None), (
            1,
            tuple() as shape,
            ByteType(),
            bool() | 0 | 1 as columns,
            bytes() as raw,
        ):
            if not all(type(extent) is int and extent > 0 for extent in shape):
                raise DataError("an array whose shape is not of positive integers")
            if math.prod(shape) != len(raw):
                raise DataError(f"an array of shape {shape} with {len(raw):,} bytes")
            content = np.frombuffer(raw, dtype=np.uint8)
            target.content = content.reshape(shape, order="F" if columns else "C")
        case _:
            raise DataError("the state of something other than an array of bytes")
