"""Plain values out of a pickle file, without pickle: nothing that it names is imported or called.

An allow-list of opcodes, enough for a dict of text, integers, lists of these and arrays of bytes.
Every length is checked against the file before anything is made of it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.sources.pickled_array import MAX_NAME, PickledArray, fill, made, named
from kenspeckle.errors import DataError

Scalar = int | str | bytes | None  # int includes bool
Value = Scalar | list[Scalar] | NDArray[np.uint8]

MAX_STEPS = 500_000  # opcodes; the largest file of CIFAR-100 has 200,000
_MAX_TUPLE = 9  # items; the state of a numpy type has eight or nine
_LONG_TEXT = 1 << 16  # bytes; longer text is pixels, each a character below 256

_SCALARS = (int, str, bytes, type(None))
_CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False}
_INTEGERS = {ord("K"): (1, False), ord("M"): (2, False), ord("J"): (4, True)}  # width, signed
_BYTES = {ord("U"): 1, ord("T"): 4, ord("C"): 1, ord("B"): 4, 0x8E: 8}  # width of the length
_TEXT = {0x8C: 1, ord("X"): 4, 0x8D: 8}
_TUPLES = {ord(")"): 0, 0x85: 1, 0x86: 2, 0x87: 3}  # number of items
_PUT = {ord("q"): 1, ord("r"): 4}  # width of the place in the memo
_GET = {ord("h"): 1, ord("j"): 4}
_LONG1: Final = 0x8A
_MEMOIZE: Final = 0x94
_STACK_GLOBAL: Final = 0x93
_FRAME: Final = 0x95


def read_pickle(data: bytes | bytearray, *, name: str) -> dict[str, Value]:
    """The dict that `data` holds, pickled with protocol 2, 3 or 4 by Python 2 or 3.

    Keys become text. Raises `DataError`, which begins with `name`, where it is anything else.
    """
    try:
        return _Machine(data).run()
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


class _Machine:
    """The stack, the marks in it, the memo, and how much of the file is read."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.view = memoryview(data)
        self.position = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.encoded = 0  # bytes that _codecs.encode would have made

    def run(self) -> dict[str, Value]:
        start = bytes(self.view[:2])
        if len(start) < 2 or start[0] != 0x80 or start[1] not in (2, 3, 4):
            raise DataError(
                "not a pickle of protocol 2, 3 or 4 "
                f"(it begins with {start.hex(' ') or 'nothing'}, not with 80 02)"
            )
        self.position = 2
        for _ in range(MAX_STEPS):
            code = self.take(1)[0]
            if code == ord("."):
                return self.result()
            self.step(code)
        raise DataError(f"more than {MAX_STEPS:,} steps to read it")

    def step(self, code: int) -> None:
        """Do what one opcode asks for."""
        if code in _INTEGERS:
            width, signed = _INTEGERS[code]
            self.stack.append(int.from_bytes(self.take(width), "little", signed=signed))
        elif code in _BYTES:
            self.stack.append(bytes(self.take(self.number(_BYTES[code]))))
        elif code in _TEXT:
            self.stack.append(_decoded(self.take(self.number(_TEXT[code]))))
        elif code in _PUT:
            self.memo[self.number(_PUT[code])] = self.top()
        elif code == _MEMOIZE:
            self.memo[len(self.memo)] = self.top()
        elif code in _GET:
            place = self.number(_GET[code])
            if place not in self.memo:
                raise DataError(f"it refers to place {place} of its memo, where nothing is")
            self.stack.append(self.memo[place])
        elif code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code])
        elif code == _LONG1:
            width = self.number(1)
            if width > 8:
                raise DataError(f"an integer of {width} bytes, at most 8 can be read")
            self.stack.append(int.from_bytes(self.take(width), "little", signed=True))
        elif code == _FRAME:
            self.check(self.number(8))
        else:
            self.compose(code)

    def compose(self, code: int) -> None:
        """Do what one opcode that works on the stack asks for."""
        match chr(code):
            case "(":
                self.marks.append(len(self.stack))
            case "]":
                self.stack.append([])
            case "}":
                self.stack.append({})
            case "a":
                self.extend([self.pop()])
            case "e":
                self.extend(self.since_mark())
            case "s":
                value, key = self.pop(), self.pop()
                self.update([key, value])
            case "u":
                self.update(self.since_mark())
            case "t":
                self.stack.append(_tuple(self.since_mark()))
            case _ if code in _TUPLES:
                items = [self.pop() for _ in range(_TUPLES[code])]
                self.stack.append(_tuple(items[::-1]))
            case "c":
                self.stack.append(named(self.line(), self.line()))
            case _ if code == _STACK_GLOBAL:
                attribute, module = self.pop(), self.pop()
                self.stack.append(named(module, attribute))
            case "R":
                arguments, function = self.pop(), self.pop()
                self.stack.append(self.reduced(function, arguments))
            case "b":
                state = self.pop()
                fill(self.top(), state)
            case _:
                raise DataError(f"opcode 0x{code:02x}, which no file of pixels and labels needs")

    def result(self) -> dict[str, Value]:
        if self.position != len(self.view):
            raise DataError(f"{len(self.view) - self.position:,} bytes after its end")
        if self.marks or len(self.stack) != 1 or not isinstance(self.stack[0], dict):
            raise DataError("it does not hold one dict")
        found: dict[str, Value] = {}
        for key, value in self.stack[0].items():
            if isinstance(value, PickledArray):
                if value.content is None:
                    raise DataError(f"the array {key!a} has no content")
                value = value.content
            found[key] = value
        return found

    def check(self, count: int) -> None:
        left = len(self.view) - self.position
        if count > left:
            raise DataError(f"cut short: {count:,} bytes expected, {left:,} are left")

    def take(self, count: int) -> memoryview:
        self.check(count)
        self.position += count
        return self.view[self.position - count : self.position]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def line(self) -> str:
        start = bytes(self.view[self.position : self.position + MAX_NAME + 1])
        text, end, _ = start.partition(b"\n")
        if not end:
            raise DataError(f"a name without an end, or of more than {MAX_NAME} bytes")
        self.position += len(text) + 1
        return text.decode("latin-1")

    def top(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise DataError("it takes a value where there is none")
        return self.stack[-1]

    def pop(self) -> Any:
        value = self.top()
        del self.stack[-1]
        return value

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise DataError("it goes back to a mark where there is none")
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def extend(self, items: list[Any]) -> None:
        target = self.top()
        if type(target) is not list or not all(isinstance(item, _SCALARS) for item in items):
            raise DataError("a list holds something other than integers and text")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        """Put keys and values, which alternate in `items`, into the dict on the stack."""
        target = self.top()
        if type(target) is not dict or len(items) % 2:
            raise DataError("keys and values without a dict, or a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, bytes)) or len(key) > MAX_NAME:
                raise DataError(f"a key that is not text of at most {MAX_NAME} characters")
            if not isinstance(value, (*_SCALARS, list, PickledArray)):
                raise DataError("a dict holds something other than text, integers, lists, arrays")
            name = key.decode("latin-1") if isinstance(key, bytes) else key
            if name in target:
                raise DataError(f"two values for the key {name!a}")
            target[name] = value

    def reduced(self, function: Any, arguments: Any) -> object:
        """What a call would have made; all of it together no larger than the file."""
        value = made(function, arguments)
        if isinstance(value, bytes):
            self.encoded += len(value)
            if self.encoded > len(self.view):  # one long text from the memo, again and again
                raise DataError("it makes more bytes out of text than it has")
        return value


def _decoded(raw: memoryview) -> str:
    # a single wide character makes Python's text of pixels four times as large
    if len(raw) > _LONG_TEXT and np.frombuffer(raw, dtype=np.uint8).max() > 0xC3:
        raise DataError(f"text of {len(raw):,} bytes that are not pixels")
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise DataError("text that is not UTF-8") from None


def _tuple(items: list[Any]) -> tuple[Any, ...]:
    """`items` as a tuple; a tuple in it must hold no other, so that depth stays bounded."""
    if len(items) > _MAX_TUPLE:
        raise DataError(f"a tuple of {len(items):,} items, at most {_MAX_TUPLE} can be read")
    inner = [item for outer in items if isinstance(outer, tuple) for item in outer]
    if any(isinstance(item, (list, dict)) for item in items) or any(
        isinstance(item, tuple) for item in inner
    ):
        raise DataError("tuples, lists or dicts nested too deep")
    return tuple(items)
