"""The JSON documents of a run, which may come from anybody: what the rest relies on is checked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kenspeckle.errors import RunError
from kenspeckle.foreign import read_regular

ENVIRONMENT, LEDGER, EPOCHS, RESULT = (
    "environment.json",
    "data.json",
    "epochs.jsonl",
    "result.json",
)
FAILURE = "failure.json"  # why a training broke off with NaN or infinity

_NAME = re.compile(r"[a-z]+(-epoch-[0-9]+)?")  # of a split, which also names files
_EACH = ""  # the key that stands for all keys
_NUMBER = (int, float)
_TOLD = (int, float, type(None))  # NaN and infinity are written as null
_TEXT = (str,)
_COUNT = (int,)
_INTERVAL = {"low": _NUMBER, "high": _NUMBER}
_SHAPES: dict[str, Any] = {  # a tuple of types, or an object with at least these keys
    ENVIRONMENT: {
        "python": _TEXT, "versions": {_EACH: _TEXT}, "commit": _TEXT, "device": _TEXT,
        "precision": _TEXT, "precision_reason": _TEXT, "threads": _COUNT, "processor": _TEXT,
        "vector_instructions": _TEXT, "system": _TEXT, "seed": _COUNT, "data": _TEXT,
    },
    LEDGER: {
        "source": _TEXT, "fingerprint": _TEXT, "classes": {_EACH: _COUNT},
        "counts": {_EACH: {_EACH: _COUNT}},
    },
    RESULT: {_EACH: {"role": _TEXT, "n": _COUNT, "accuracy": _NUMBER, "interval": _INTERVAL}},
    FAILURE: {"error": _TEXT},
    EPOCHS: {
        "epoch": _COUNT, "step": _COUNT, "loss": _TOLD, "accuracy": _TOLD,
        "validation_loss": _TOLD, "validation_accuracy": _TOLD, "validation_n": _COUNT,
        "validation_interval": {"low": _TOLD, "high": _TOLD}, "rate": _TOLD, "seconds": _TOLD,
        "images_per_second": _TOLD,
    },
}  # fmt: skip
_BYTES = {LEDGER: 1 << 30, EPOCHS: 1 << 28}  # at most, of documents that grow with the data
_USUAL_BYTES = 8 << 20


def read_document(path: Path) -> dict[str, Any]:
    """The object in `path`, whose name says what it must hold.

    Raises `RunError` where it is missing, not readable, too large or something else.
    """
    (document,) = _read(path, [_bytes(path)])
    if path.name == RESULT:
        for name, entry in document.items():
            if not _NAME.fullmatch(name) or not 0 <= entry["accuracy"] <= 1 or entry["n"] < 1:
                raise RunError(f"{path}: not readable: {_shown(name)} is no measured split")
        if not document:
            raise RunError(f"{path}: not readable: no split was measured")
    return document


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in the lines of `path`; raises `RunError` as `read_document` does."""
    found = _read(path, _bytes(path).splitlines())
    if not found:
        raise RunError(f"{path}: not readable: it is empty")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path, at_most=_BYTES.get(path.name, _USUAL_BYTES))
    except FileNotFoundError as error:
        raise RunError(f"{path.parent}: no finished run here (missing {path.name})") from error
    except OSError as error:
        raise RunError(f"{path}: not readable: {error.strerror or error}") from error


def _read(path: Path, texts: list[bytes]) -> list[dict[str, Any]]:
    found = []
    for text in texts:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RunError(f"{path}: not readable: {error}") from error
        wrong = _wrong(document, _SHAPES[path.name], "")
        if wrong:
            raise RunError(f"{path}: not readable: {wrong}")
        found.append(document)
    return found


def _wrong(value: Any, shape: Any, name: str) -> str:
    """What is not as `shape` says, in words; "" where all is."""
    place = name or "it"
    if isinstance(shape, tuple):
        is_right = isinstance(value, shape) and not (isinstance(value, bool))
        return "" if is_right else f"{place} is {_shown(value)}"
    if not isinstance(value, dict):
        return f"{place} is not a JSON object"
    for key in value if _EACH in shape else shape:
        if key not in value:
            return f"{_inner(name, key)} is missing"
        if wrong := _wrong(value[key], shape.get(key, shape.get(_EACH)), _inner(name, key)):
            return wrong
    return ""


def _inner(name: str, key: str) -> str:
    return f"{name}.{_shown(key)}" if name else _shown(key)


def _shown(value: Any) -> str:
    """`value`, which a file says, as a short word without control characters."""
    text = value if isinstance(value, str) else repr(value)
    line = "".join(letter if letter.isprintable() else "?" for letter in text[:60])
    return line if len(text) <= 60 else f"{line}..."
