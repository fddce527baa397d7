"""What an exported ONNX file must be before a runtime sees it: whole, bounded, of one file, plain.

The runtime is a large program in C++, and the file may come from a stranger. Only what
`ken export` writes is let through: one graph of standard operators without graphs inside it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kenspeckle import config
from kenspeckle.description import Description
from kenspeckle.errors import ConfigError, ModelFileError
from kenspeckle.foreign_text import Refused, harmless, json_object, table
from kenspeckle.protobuf import Field, fields, numbers, text

FORMAT = 1
KEY = "kenspeckle"  # the one entry of the metadata
MAX_BYTES = (1 << 31) - 1  # of a protobuf message
MAX_METADATA = 1 << 20  # bytes; class names and the card are in it
MAX_PARTS = 50_000  # nodes and tensors of the graph
_FEW = 100  # parts of a message, a tensor and so on
MAX_NAMES = 500_000  # strings and attributes of all nodes
_STANDARD = ("", "ai.onnx")  # domains
_ITEM_SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
# numbers of fields in onnx.proto
_GRAPH, _OPSET, _METADATA, _TRAINING, _FUNCTIONS = 7, 8, 14, 20, 25
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_OPERATOR, _ATTRIBUTE, _DOMAIN, _OVERLOAD = 4, 5, 7, 8
_TENSOR = 5  # of an attribute; floats, integers and strings may be there too
_PLAIN_ATTRIBUTES = (1, 2, 3, 4, 7, 8, 9, 13, 20)
_DIMS, _TYPE, _RAW, _EXTERNAL, _LOCATION = 1, 2, 9, 13, 14
_TENSOR_FIELDS = (_DIMS, _TYPE, 8, _RAW, 12)  # with its name and its documentation


@dataclass(frozen=True, kw_only=True)
class About:
    """What the metadata of an exported file says."""

    description: Description
    card: Mapping[str, Any]
    facts: Mapping[str, Any]  # all of it: version, opset, SHA-256 of the model file, note


def check(data: bytes, *, name: str) -> About:
    """Raise `ModelFileError`, one line that begins with `name`, unless `data` may be used."""
    try:
        return _checked(memoryview(data))
    except (ConfigError, Refused) as error:
        raise ModelFileError(f"{name}: {harmless(str(error))}") from error


def digest(data: bytes | memoryview, facts: Mapping[str, Any]) -> str:
    """SHA-256 of the facts but for the digest itself, and of the file but for its metadata."""
    said = {key: value for key, value in facts.items() if key != "sha256"}
    found = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    message = memoryview(data)
    for field in fields(message):
        if field.number != _METADATA:
            found.update(message[field.start : field.end])
    return found.hexdigest()


def _checked(message: memoryview) -> About:
    if len(message) > MAX_BYTES:
        raise Refused(f"{len(message):,} bytes (at most {MAX_BYTES:,})")
    if not len(message):
        raise Refused("it is empty")
    parts = list(_bounded(message, _FEW))
    facts = _facts([field for field in parts if field.number == _METADATA])
    for field in parts:
        if field.number in (_TRAINING, _FUNCTIONS):
            raise Refused("it defines functions or a training; only plain operators are accepted")
        if field.number == _OPSET:
            _check_domain(field.content, 1)
    graphs = [field.content for field in parts if field.number == _GRAPH]
    if len(graphs) != 1:
        raise Refused(f"it holds {len(graphs)} graphs, expected one")
    _check_graph(graphs[0])
    if facts.get("sha256") != digest(message, facts):
        raise Refused(
            "its content does not have the SHA-256 in its metadata; it was changed or damaged"
        )
    return About(
        description=config.from_dict(Description, table(facts, "description")),
        card=table(facts, "card"),
        facts=facts,
    )


def _bounded(message: memoryview, most: int) -> Iterator[Field]:
    for count, field in enumerate(fields(message), start=1):
        if count > most:
            raise Refused(f"it has more than {most:,} parts where an export has fewer")
        yield field


def _facts(entries: list[Field]) -> dict[str, Any]:
    """The object under our key in the metadata."""
    found = []
    for entry in entries:
        pair = {field.number: field for field in _bounded(entry.content, 2)}
        if 1 in pair and 2 in pair and text(pair[1]) == KEY:
            found.append(pair[2])
    if len(found) != 1:
        raise Refused("an ONNX file of another program (no kenspeckle metadata)")
    if len(found[0].content) > MAX_METADATA:
        size = len(found[0].content)
        raise Refused(f"its metadata has {size:,} bytes (at most {MAX_METADATA:,})")
    facts = json_object(text(found[0]), "metadata")
    if facts.get("format") != FORMAT:
        raise Refused(f"format {facts.get('format')!r}, expected {FORMAT}")
    return facts


def _check_graph(graph: memoryview) -> None:
    names = 0
    for field in _bounded(graph, MAX_PARTS):
        if field.number == _SPARSE:
            raise Refused("it has sparse tensors, which no export has")
        if field.number == _INITIALIZER:
            _check_tensor(field.content)
        if field.number == _NODE:
            names += _check_node(field.content)
        if names > MAX_NAMES:
            raise Refused(f"its operators have more than {MAX_NAMES:,} parts")


def _check_node(node: memoryview) -> int:
    """How many parts it has."""
    count, operator = 0, "?"
    for field in _bounded(node, MAX_NAMES):
        count += 1
        if field.number == _OPERATOR:
            operator = text(field)
        if field.number == _DOMAIN and text(field) not in _STANDARD:
            raise Refused(f"operator {operator} of {text(field)} is not of the standard domain")
        if field.number == _OVERLOAD and len(field.content):
            raise Refused(f"operator {operator} is a function, and only plain ones are accepted")
        if field.number == _ATTRIBUTE:
            count += _check_attribute(field.content)
    return count


def _check_attribute(attribute: memoryview) -> int:
    count, has_tensor = 0, False
    for field in _bounded(attribute, MAX_NAMES):
        count += 1
        if field.number == _TENSOR:
            if has_tensor:  # libraries make one of the two, which would be another than was checked
                raise Refused("an operator holds two tensors where one belongs")
            has_tensor = True
            _check_tensor(field.content)
        elif field.number not in _PLAIN_ATTRIBUTES:
            raise Refused("an operator holds a graph or another nested part; no export has these")
    return count


def _check_tensor(tensor: memoryview) -> None:
    extents: list[int] = []
    kind, size = 0, 0
    for field in _bounded(tensor, _FEW):
        if field.number == _EXTERNAL or (field.number == _LOCATION and field.value):
            raise Refused("a tensor lies in another file; an export is one file")
        if field.number == _LOCATION:
            continue
        if field.number not in _TENSOR_FIELDS:
            raise Refused("a tensor is not stored as plain bytes")
        if field.number == _DIMS:
            if len(field.content) > 10 * _FEW:
                raise Refused("a tensor has impossible extents")
            extents += numbers(field)
        elif field.number == _TYPE:
            kind = field.value
        elif field.number == _RAW:
            size = len(field.content)
    if kind not in _ITEM_SIZES:
        raise Refused(f"a tensor has type {kind}, which no export has")
    if len(extents) > 16 or any(extent > MAX_BYTES for extent in extents):
        raise Refused("a tensor has impossible extents")
    expected = math.prod(extents) * _ITEM_SIZES[kind]
    if size != expected:
        raise Refused(f"a tensor of {expected:,} bytes by its extents has {size:,}")


def _check_domain(opset: memoryview, number: int) -> None:
    for field in _bounded(opset, 4):
        if field.number == number and text(field) not in _STANDARD:
            raise Refused(f"it needs operators of {text(field)}, not of the standard domain")
