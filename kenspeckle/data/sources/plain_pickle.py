"""Plain data out of a pickle file, without unpickling: what Python's archives of CIFAR are.

A small machine of our own for a list of harmless opcodes. It knows four names, of numpy's array,
and what it does for them is written here; nothing is imported, called or looked up by name.
"""

from __future__ import annotations

import math
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from kenspeckle.errors import DataError

_ARRAY = ("numpy ndarray",)
_RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_DTYPE = ("numpy dtype",)
_ENCODE = ("_codecs encode",)
_KNOWN = (*_ARRAY, *_RECONSTRUCT, *_DTYPE, *_ENCODE)
_VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG1", "LONG", "FLOAT", "BINFLOAT", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
)  # fmt: skip
_OLD_STRINGS = ("STRING", "BINSTRING", "SHORT_BINSTRING")  # bytes, as Python 2 had them
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = ("PROTO", "FRAME")
_PUT = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")
_GET = ("GET", "BINGET", "LONG_BINGET")


class _Refused(Exception):
    """Why a file is not plain data."""


@dataclass(frozen=True)
class _Name:
    """A name that a file mentions; it stays a text."""

    text: str


@dataclass
class _Array:
    """An array that is waiting for its content."""

    value: np.ndarray[Any, Any] | None = None


_MARK = object()


def read_plain(data: bytes, *, name: str) -> Any:
    """The dict, list, number, text, bytes or uint8 array in `data`; `name` is what errors call it.

    Raises `DataError` for anything else, and where `data` is damaged.
    """
    try:
        return _finished(_Machine().run(data))
    except _Refused as error:
        raise DataError(f"{name}: {error}") from error
    # what pickletools and ill-matched opcodes raise; all of it means a damaged file
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(f"{name}: damaged or no pickle file: {error}") from error


class _Machine:
    """The stack and the memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """Take every opcode until STOP."""
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                if len(self.stack) != 1:
                    raise _Refused("damaged pickle file: more than one value at its end")
                return self.stack[0]
            self._step(opcode.name, argument)
        raise _Refused("damaged pickle file: no end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _IGNORED:
            return
        if name in _VALUES:
            stack.append(argument)
        elif name in _OLD_STRINGS:
            stack.append(argument.encode("latin-1"))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _PUT:
            self.memo[len(self.memo) if argument is None else int(argument)] = stack[-1]
        elif name in _GET:
            stack.append(self.memo[int(argument)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            text = argument if name == "GLOBAL" else " ".join([self._text(2), self._text(1)])
            del stack[len(stack) - 2 * (name == "STACK_GLOBAL") :]
            if text not in _KNOWN:
                raise _Refused(f"names {text!r:.80}, which plain data does not need; not read")
            stack.append(_Name(text))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_made(function, arguments))
        elif name == "BUILD":
            state = stack.pop()
            _fill(stack[-1], state)
        else:
            self._collect(name)

    def _collect(self, name: str) -> None:
        """Opcodes that gather what lies on the stack."""
        stack = self.stack
        match name:
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                if len(stack) < count:
                    raise _Refused("damaged pickle file: a tuple of nothing")
                items = tuple(stack[-count:])
                del stack[-count:]
                stack.append(items)
            case "TUPLE":
                stack.append(tuple(self._to_mark()))
            case "LIST":
                stack.append(self._to_mark())
            case "DICT":
                stack.append(_pairs(self._to_mark()))
            case "APPEND":
                item = stack.pop()
                _expect(stack[-1], list).append(item)
            case "APPENDS":
                items_ = self._to_mark()
                _expect(stack[-1], list).extend(items_)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _expect(stack[-1], dict).update(_pairs([key, value]))
            case "SETITEMS":
                pairs = self._to_mark()
                _expect(stack[-1], dict).update(_pairs(pairs))
            case _:
                raise _Refused(f"opcode {name}, which plain data does not need; not read")

    def _to_mark(self) -> list[Any]:
        """Take everything off the stack down to the last mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                items = self.stack[place + 1 :]
                del self.stack[place:]
                return items
        raise _Refused("damaged pickle file: no mark")

    def _text(self, depth: int) -> str:
        return str(_expect(self.stack[-depth], str))


def _made(function: Any, arguments: Any) -> Any:
    """What one of the known names would make of its arguments."""
    text = _expect(function, _Name).text
    given = _expect(arguments, tuple)
    if text in _RECONSTRUCT:
        return _Array()
    if text in _DTYPE and given and given[0] in ("u1", b"u1", "|u1", b"|u1"):
        return _Name("uint8")
    if text in _ENCODE and len(given) == 2 and given[1] in ("latin1", b"latin1"):
        return _expect(given[0], str).encode("latin-1")
    raise _Refused(f"{text} of {type(given[0]).__name__ if given else 'nothing'}; not read")


def _fill(target: Any, state: Any) -> None:
    """Give an array its content: (version, shape, dtype, in Fortran's order, bytes)."""
    if isinstance(target, _Name) and target.text == "uint8":
        return  # byte order and alignment, which bytes do not have
    array = _expect(target, _Array)
    _, shape, dtype, fortran, content = _expect(state, tuple)
    if dtype != _Name("uint8"):
        raise _Refused("an array of other numbers than uint8; not read")
    sides = _expect(shape, tuple)
    if any(type(side) is not int or side < 0 for side in sides):
        raise _Refused("damaged pickle file: an array of impossible shape")
    if math.prod(sides) != len(_expect(content, bytes)):
        raise _Refused(f"damaged pickle file: an array of {sides} in {len(content):,} bytes")
    flat = np.frombuffer(content, dtype=np.uint8)
    array.value = flat.reshape(sides, order="F" if fortran else "C")


def _pairs(items: list[Any]) -> dict[str, Any]:
    """A dict of texts; the keys of Python 2 are bytes."""
    if len(items) % 2:
        raise _Refused("damaged pickle file: a key without a value")
    found = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        text = key.decode("latin-1") if isinstance(key, bytes) else key
        found[str(_expect(text, str))] = value
    return found


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise _Refused(f"damaged pickle file: {kind.__name__} expected")
    return value


def _finished(value: Any) -> Any:
    """Arrays in place of what waited for them, one level down as CIFAR has them."""
    if isinstance(value, dict):
        return {key: _finished_item(item) for key, item in value.items()}
    return _finished_item(value)


def _finished_item(value: Any) -> Any:
    if isinstance(value, _Array):
        if value.value is None:
            raise _Refused("damaged pickle file: an array without content")
        return value.value
    return value
