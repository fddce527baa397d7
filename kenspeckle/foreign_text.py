"""What a file of a stranger says of itself: JSON that is read and quoted with suspicion."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

_KEPT = ("Zs", "Cs")  # spaces; bytes that are no text


class Refused(Exception):
    """Why a file is no model file; whoever reads it adds its name."""


def harmless(text: str) -> str:
    """`text`, which may quote the file, as one short line without control characters."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text)
    return line if len(line) <= 300 else f"{line[:300]}..."


def visible(text: str) -> str:
    r"""`text` with each character that would steer a terminal as \\xNN or \\uNNNN.

    Spaces and ends of lines stay, as do bytes of a path that are no text.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter == "\n" or letter.isprintable() or unicodedata.category(letter) in _KEPT
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def json_object(text: Any, name: str) -> dict[str, Any]:
    """A JSON object without doubled keys; raises `Refused`."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"its {name} is not readable") from error
    if not isinstance(value, dict):
        raise Refused(f"its {name} is not a JSON object")
    return value


def table(about: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object inside `about` of this name; raises `Refused`."""
    if not isinstance(about.get(name), dict):
        raise Refused(f"its {name} is not a JSON object")
    found: dict[str, Any] = about[name]
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
