"""Requests and answers of the Open Inference Protocol: tensors in JSON, or behind it in binary."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn

from kenspeckle.serving.batching import Input, Told
from kenspeckle.serving.bodies import MAX_PICTURES, Unfit

INPUT, OUTPUTS = "picture", ("probabilities", "label")
_MOST_VALUES = 400_000  # in JSON, which takes longer to read than all else
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked."""

    pictures: list[Input]
    identity: str | None
    outputs: list[tuple[str, bool]]  # which, and whether in binary


def question(body: bytes | bytearray, header_length: int | None) -> Question:
    """Read a request; `Unfit` says what is wrong with it."""
    length = len(body) if header_length is None else header_length
    if not 0 <= length <= len(body):
        raise Unfit(400, "Inference-Header-Content-Length is not within the body")
    text, binary = bytes(body[:length]), memoryview(body)[length:]
    if text.count(b",") > _MOST_VALUES:
        raise Unfit(413, f"over {_MOST_VALUES:,} values in JSON; use the binary data extension")
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        raise Unfit(400, "the request is not readable JSON") from None
    if not isinstance(asked, dict):
        _malformed("a JSON object was expected")
    identity = asked.get("id")
    if identity is not None and not (isinstance(identity, str) and len(identity) <= 1000):
        _malformed("id must be text")
    given = asked.get("inputs")
    if not (isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict)):
        _malformed(f"exactly one input was expected, called {INPUT}")
    return Question(
        pictures=_pictures(given[0], binary), identity=identity, outputs=_outputs(asked)
    )


def told(asked: Question, name: str, said: Told) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON where binary data follows it."""
    outputs, parts = [], []
    for output, is_binary in asked.outputs:
        if output == "probabilities":
            rows = [answer.probabilities for answer in said.answers]
            about = {"datatype": "FP32", "shape": [len(rows), len(said.class_names)]}
            data: list[Any] = list(chain.from_iterable(rows))
            packed = array("f", data).tobytes() if is_binary else b""
        else:
            data = [answer.label for answer in said.answers]
            about = {"datatype": "BYTES", "shape": [len(data)]}
            texts = [label.encode("utf-8", "surrogateescape") for label in data]
            packed = b"".join(_LENGTH.pack(len(text)) + text for text in texts)
        if is_binary:
            outputs.append(
                {"name": output, **about, "parameters": {"binary_data_size": len(packed)}}
            )
            parts.append(packed)
        else:
            outputs.append({"name": output, **about, "data": data})
    document: dict[str, Any] = {"model_name": name, "model_version": said.version}
    if asked.identity is not None:
        document["id"] = asked.identity
    text = json.dumps({**document, "outputs": outputs}).encode()
    return text + b"".join(parts), len(text) if parts else None


def _pictures(given: dict[str, Any], binary: memoryview) -> list[Input]:
    if given.get("name") != INPUT:
        _malformed(f"the input is called {INPUT}")
    shape = given.get("shape")
    if not isinstance(shape, list) or not all(type(extent) is int for extent in shape):
        _malformed("shape must be a list of numbers")
    if not shape or not 1 <= shape[0] <= MAX_PICTURES:
        _malformed(f"shape must begin with 1 to {MAX_PICTURES} pictures")
    parameters = given.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is not None and (type(size) is not int or size != len(binary)):
        _malformed("binary_data_size is not what follows the JSON")
    if size is None and binary:
        _malformed("there is binary data, but no binary_data_size")
    if given.get("datatype") == "BYTES" and len(shape) == 1:
        parts = _lengths(binary) if size is not None else _base64(given.get("data"))
        if len(parts) != shape[0]:
            _malformed(f"shape says {shape[0]} pictures, there are {len(parts)}")
        return [Input(part) for part in parts]
    if given.get("datatype") == "UINT8" and len(shape) == 4:
        if min(shape) < 1 or shape[3] not in (1, 3):
            _malformed("shape must be [N, H, W, C], C 1 or 3")
        pixels = binary if size is not None else memoryview(_bytes(given.get("data")))
        each = shape[1] * shape[2] * shape[3]
        if len(pixels) != shape[0] * each:
            _malformed(f"shape says {shape[0] * each} values, there are {len(pixels)}")
        places = range(0, len(pixels), each)
        return [Input(pixels[at : at + each], tuple(shape[1:])) for at in places]
    _malformed("expected BYTES of shape [N] or UINT8 of shape [N, H, W, C]")


def _lengths(binary: memoryview) -> list[memoryview]:
    """Elements, each behind its length."""
    found: list[memoryview] = []
    at = 0
    while at < len(binary):
        begin = at + _LENGTH.size
        if begin > len(binary):
            _malformed("the binary data ends within a length")
        at = begin + _LENGTH.unpack_from(binary, begin - _LENGTH.size)[0]
        if at > len(binary) or len(found) == MAX_PICTURES:
            _malformed("the lengths in the binary data do not fit it")
        found.append(binary[begin:at])
    return found


def _base64(data: Any) -> list[bytes]:
    if not isinstance(data, list) or not all(isinstance(text, str) for text in data):
        _malformed("data must be a list of pictures in base64")
    try:
        return [base64.b64decode(text, validate=True) for text in data]
    except (binascii.Error, ValueError):
        _malformed("data must be a list of pictures in base64")


def _bytes(data: Any) -> bytes:
    """Numbers of 0..255, nested or not."""
    for _ in range(4):
        if isinstance(data, list) and data and all(isinstance(part, list) for part in data):
            data = list(chain.from_iterable(data))
    try:
        if not isinstance(data, list) or any(type(value) is not int for value in data):
            raise ValueError
        return bytes(data)
    except ValueError:
        _malformed("data must be numbers of 0..255")


def _outputs(asked: dict[str, Any]) -> list[tuple[str, bool]]:
    parameters = asked.get("parameters") or {}
    if not isinstance(parameters, dict):
        _malformed("parameters must be a JSON object")
    everything = parameters.get("binary_data_output") is True
    wanted = asked.get("outputs")
    if wanted is None:
        return [(name, everything) for name in OUTPUTS]
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= len(OUTPUTS):
        _malformed(f"outputs must be some of {', '.join(OUTPUTS)}")
    found: list[tuple[str, bool]] = []
    for output in wanted:
        if not isinstance(output, dict) or output.get("name") not in OUTPUTS:
            _malformed(f"outputs must be some of {', '.join(OUTPUTS)}")
        own = output.get("parameters") or {}
        binary = own.get("binary_data", everything) if isinstance(own, dict) else everything
        found.append((output["name"], binary is True))
    return found


def _malformed(text: str) -> NoReturn:
    raise Unfit(400, text)


def errors(said: Told) -> str:
    """What is wrong with the first picture that has no answer; "" where all have one."""
    answers: Sequence[Any] = said.answers
    for number, answer in enumerate(answers):
        if answer.error:
            return f"picture {number}: {answer.error}" if len(answers) > 1 else str(answer.error)
    return ""
