"""A small exported model, and the bytes that protobuf files are made of."""

import json
import struct
from typing import Any

import onnx
from onnx import TensorProto, helper

from kenspeckle.onnx_check import digest


def small_graph() -> onnx.ModelProto:
    """Two classes by the mean of a picture; without metadata."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    weights = struct.pack("<2f", 0.01, -0.01)
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["N", "H", "W", 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [1, 2], weights, raw=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def of_another(attribute: bytes) -> bytes:
    """A small model with a constant of that attribute, as bytes: no library would write it."""
    proto = small_graph()
    node = field(2, b"constant") + field(4, b"Constant") + attribute
    graph = proto.graph.SerializeToString() + field(1, node)
    proto.ClearField("graph")
    return proto.SerializeToString() + field(7, graph)


def description() -> dict[str, Any]:
    """How the small model is used."""
    return {
        "shape": [1, 16, 16],
        "preprocess": {"kind": "resize", "height": 16, "width": 16},
        "class_names": ["flat", "upright"],
        "task": "classes",
        "temperature": 1.0,
    }


def sealed(model: bytes, **facts: object) -> bytes:
    """`model` with metadata, and the digest that whoever edits a file on purpose would compute."""
    said = {"format": 1, "description": description(), "card": {}, "note": "", **facts}
    if "sha256" not in said:
        try:
            said["sha256"] = digest(model, said)
        except Exception:  # no protobuf message, as intended
            said["sha256"] = ""
    return model + metadata(said)


def metadata(said: dict[str, Any]) -> bytes:
    """An entry of the metadata."""
    return field(14, field(1, b"kenspeckle") + field(2, json.dumps(said).encode()))


def field(number: int, content: bytes) -> bytes:
    """A field that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A whole number as protobuf writes it."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
