"""Exported models: graphs that reach out, never end or lie, and files that are none."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from corpus import odd_files
from corpus.exploit import Exploit, Room, torch_zip, touching, written
from corpus.onnx_graph import (
    description,
    field,
    metadata,
    of_another,
    sealed,
    small_graph,
    varint,
)

Edit = Callable[[onnx.ModelProto, Room], object]
STEER = ["\x1b[2J\x1b]0;pwned\x07", "\r\nken: all is well", "[link=file:///etc/passwd]x[/link]"]


def exported(name: str, tries: str, make: Callable[[Room], object]) -> Exploit:
    """Bytes for a file, or a path."""

    def place(room: Room) -> object:
        made = make(room)
        return written(room.folder / "model.onnx", made) if isinstance(made, bytes) else made

    return Exploit(name=f"onnx: {name}", tries=tries, kind="onnx", make=place)


def edited(name: str, tries: str, edit: Edit) -> Exploit:
    """A small model whose graph was changed by `edit`, and sealed again."""

    def make(room: Room) -> bytes:
        proto = small_graph()
        edit(proto, room)
        return sealed(proto.SerializeToString())

    return exported(name, tries, make)


def with_fields(name: str, tries: str, extra: Callable[[], bytes]) -> Exploit:
    """A small model with more bytes behind its graph, sealed again."""
    return exported(name, tries, lambda room: sealed(small_graph().SerializeToString() + extra()))


def said(name: str, tries: str, **facts: object) -> Exploit:
    """A small model that says something else of itself."""
    return exported(name, tries, lambda room: sealed(small_graph().SerializeToString(), **facts))


def described(name: str, tries: str, **values: object) -> Exploit:
    """A small model whose description says something else."""
    return said(name, tries, description={**description(), **values})


def added(name: str, tries: str, operator: str, **attributes: object) -> Exploit:
    """A small model with one operator more, which its answer waits for."""

    def edit(proto: onnx.ModelProto, room: Room) -> None:
        made = {
            key: helper.make_tensor("t", *value, raw=True)
            if isinstance(value, tuple) else value
            for key, value in attributes.items()
        }  # fmt: skip
        inputs = made.pop("inputs", ["size"])
        node = helper.make_node(operator, inputs, ["huge"], **made)
        last = helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0)
        total = helper.make_node("Add", ["shares", "most"], ["sum"])
        proto.graph.node[-1].output[0] = "shares"
        proto.graph.node.extend([node, last, total])
        proto.graph.node.append(helper.make_node("Softmax", ["sum"], ["probabilities"]))
        size = helper.make_tensor(
            "size", TensorProto.INT64, [2], struct.pack("<2q", 1 << 22, 1 << 22), raw=True
        )
        proto.graph.initializer.append(size)

    return edited(name, tries, edit)


def elsewhere(location: Callable[[Room], str]) -> Edit:
    """A weight that lies in another file."""

    def edit(proto: onnx.ModelProto, room: Room) -> None:
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location(room)), ("offset", "0"), ("length", "8")):
            tensor.external_data.add(key=key, value=value)

    return edit


def linked(link: Callable[[Path, Room], object]) -> Edit:
    """A weight in a file beside the model that is a link."""

    def edit(proto: onnx.ModelProto, room: Room) -> None:
        link(room.folder / "weights.bin", room)
        elsewhere(lambda r: "weights.bin")(proto, room)

    return edit


def inside(operator: str, key: str, depth: int) -> Edit:
    """Graphs inside of operators, `depth` times."""

    def edit(proto: onnx.ModelProto, room: Room) -> None:
        graph = helper.make_graph([], "g", [], [])
        for _ in range(depth):
            graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **{key: graph})],
                                      "g", [], [])  # fmt: skip
        proto.graph.node.append(helper.make_node(operator, ["x"], ["y"], **{key: graph}))

    return edit


def extents(*sizes: int) -> Edit:
    """A weight of another shape, but not of other bytes."""
    return lambda proto, room: proto.graph.initializer[0].dims.__setitem__(slice(None), sizes)


def circle(proto: onnx.ModelProto, room: Room) -> None:
    """An operator that waits for its own answer."""
    proto.graph.node[0].input[0] = "probabilities"


def twice(proto: onnx.ModelProto, room: Room) -> None:
    """A weight that is told again."""
    proto.graph.initializer[0].MergeFromString(TENSOR)


def nested() -> bytes:
    """A graph in an attribute of a node of a graph, 20,000 times."""
    content = b""
    for _ in range(20_000):
        content = field(1, field(5, field(6, content)))
    return field(7, content)


def domain(name: str, operator: str) -> Edit:
    return lambda proto, room: proto.graph.node.append(
        helper.make_node(operator, ["x"], ["y"], domain=name)
    )


TENSOR = helper.make_tensor("a", TensorProto.FLOAT, [2], bytes(8), raw=True).SerializeToString()
ONE = helper.make_tensor("a", TensorProto.FLOAT, [], bytes(4), raw=True).SerializeToString()
ZERO = (TensorProto.FLOAT, [1], bytes(4))
EXPLOITS = [
    edited("weights above", "reading elsewhere", elsewhere(lambda r: "../../../secret")),
    edited("absolute weights", "reading elsewhere", elsewhere(lambda r: str(r.secret))),
    edited("weights in /etc/passwd", "reading elsewhere", elsewhere(lambda r: "/etc/passwd")),
    edited("weights of a device", "endless reading", elsewhere(lambda r: "/dev/zero")),
    edited("weights without a place", "another file", elsewhere(lambda r: "")),
    edited("weights behind a link", "reading elsewhere", linked(
        lambda path, r: path.symlink_to(r.secret)
    )),
    edited("weights behind a hard link", "reading elsewhere", linked(
        lambda path, r: os.link(r.secret, path)
    )),
    edited("weights in a pipe", "an endless wait", linked(lambda path, r: os.mkfifo(path))),
    edited("a tensor of 4 EiB", "an allocation", extents(1 << 30, 1 << 30)),
    edited("a tensor that wraps", "a product of 0", extents(1 << 32, 1 << 32)),
    edited("negative extents", "memory before", extents(-1, -2)),
    edited("a million extents", "slow parsing", extents(*[1] * 1_000_000)),
    edited("an operator of strangers", "a library", domain("com.example", "Shell")),
    edited("an operator of Microsoft", "other code", domain("com.microsoft", "QLinearAdd")),
    edited("an operator for Python", "code", domain("ai.onnx.contrib", "PyCustomOp")),
    edited("a domain of strangers", "a library", lambda p, r: p.opset_import.append(
        helper.make_opsetid("com.example", 1)
    )),
    edited("a later opset", "what nobody has tested", lambda p, r: setattr(
        p.opset_import[0], "version", 1 << 40
    )),
    edited("a function", "code without end", lambda p, r: p.functions.append(helper.make_function(
        "", "Softmax", ["x"], ["y"], [helper.make_node("Softmax", ["x"], ["y"])],
        [helper.make_opsetid("", 17)],
    ))),
    edited("a training", "code", lambda p, r: p.training_info.add()),
    edited("a loop", "endless computing", inside("Loop", "body", 0)),
    edited("loops in loops", "endless computing", inside("Loop", "body", 30)),
    edited("a branch", "another graph", inside("If", "then_branch", 0)),
    edited("a scan", "another graph", inside("Scan", "body", 0)),
    exported("graphs 20,000 deep", "the end of the stack", lambda r: sealed(nested())),
    edited("a graph in a circle", "endless computing", circle),
    edited("60,000 operators", "slow parsing", lambda p, r: p.graph.node.extend(
        [helper.make_node("Relu", ["x"], ["y"])] * 60_000
    )),
    edited("a million names", "slow parsing", lambda p, r: p.graph.node[0].input.extend(
        ["x"] * 1_000_000
    )),
    with_fields("100,000 opsets", "slow parsing", lambda: field(8, b"") * 100_000),
    edited("a sparse tensor", "an allocation", lambda p, r: p.graph.sparse_initializer.add()),
    edited("strings in place of weights", "pointers", lambda p, r: p.graph.initializer.append(
        helper.make_tensor("s", TensorProto.STRING, [1], [b"x"])
    )),
    added("16 TB of zeros", "an allocation", "ConstantOfShape", value=ZERO),
    added("a random picture of 16 TB", "an allocation", "RandomUniform", shape=[1 << 22, 1 << 22],
          inputs=[]),
    with_fields("two graphs", "two readings of one file", lambda: field(
        7, small_graph().graph.SerializeToString()
    )),
    with_fields("two metadata", "two readings of one file", lambda: metadata({"format": 1})),
    with_fields("two versions", "two readings of one file", lambda: b"\x08\x01\x08\x07"),
    with_fields("two opsets", "two readings of one file", lambda: field(8, b"\x10\x01")),
    edited("a tensor told twice", "two readings", twice),
    exported("an attribute told twice", "more weights than there are", lambda r: sealed(of_another(
        field(5, field(1, b"value") + field(5, TENSOR) + field(5, ONE) + b"\xa0\x01\x04")
    ))),
    exported("extents that are none", "a product of 0", lambda r: sealed(of_another(
        field(5, field(1, b"value") + field(5, b"\x0a\x00\x10\x01") + b"\xa0\x01\x04")
    ))),
    with_fields("a length of 2 GB", "an allocation", lambda: b"\x3a" + varint((1 << 31) - 1)),
    with_fields("a length of 8 EiB", "a sum that wraps", lambda: b"\x3a" + varint((1 << 63) - 1)),
    with_fields("a number without end", "endless reading", lambda: b"\x08" + b"\xff" * 100),
    with_fields("a group", "another way to write", lambda: b"\x3b\x3c"),
    with_fields("field 0", "no field", lambda: b"\x02\x00"),
    exported("a file of 3 GB", "memory", odd_files.sparse(3 << 30)),
    exported("a file of 32 MB of nothing", "slow parsing", odd_files.sparse(32 << 20)),
    exported("the file of another program", "a model that nobody checked", lambda r: (
        small_graph().SerializeToString()
    )),
    exported("metadata that is no JSON", "another type", lambda r: (
        small_graph().SerializeToString() + field(14, field(1, b"kenspeckle") + field(2, b"{"))
    )),
    exported("deep metadata", "the end of the stack", lambda r: (
        small_graph().SerializeToString()
        + field(14, field(1, b"kenspeckle") + field(2, b"[" * 500_000))
    )),
    exported("metadata of 5 MB", "slow parsing", lambda r: (
        small_graph().SerializeToString()
        + field(14, field(1, b"kenspeckle") + field(2, b" " * (5 << 20) + b"{}"))
    )),
    exported("metadata that is no text", "another encoding", lambda r: (
        small_graph().SerializeToString() + field(14, field(1, b"kenspeckle") + field(2, b"\xff"))
    )),
    said("another format", "another reader", format=2),
    said("a wrong digest", "other weights", sha256="0" * 64),
    said("a card of code", "what reads the card", card={"py/reduce": ["os.system", "true"]}),
    said("a description that is a list", "another type", description=[1]),
    said("notes that steer a terminal", "the screen", note="\x1b[2J", kenspeckle="\x1b]0;x\x07"),
    described("classes that steer a terminal", "the screen", class_names=STEER[:2]),
    described("classes in rich markup", "links on the screen", class_names=STEER[1:]),
    described("classes that are paths", "a path", class_names=["../../canary", "/etc/passwd"]),
    described("more classes than answers", "memory beyond", class_names=["a", "b", "c"]),
    described("fewer classes than answers", "no name", class_names=["a"]),
    described("100,000 classes", "memory", class_names=["x"] * 100_000),
    described("another task", "another output", task="number"),
    described("a task of strangers", "a call", task="os.system"),
    described("pictures of 64 GB", "an allocation", shape=[3, 65536, 65536]),
    described("pictures of no size", "a division", shape=[3, 0, 0]),
    described("another preparation", "other pictures", preprocess={"kind": "eval"}),
    described("a temperature of NaN", "answers that are none", temperature=float("nan")),
    exported("a pickle", "code", touching),
    exported("a zip of torch.save", "code", lambda r: torch_zip(touching(r))),
    exported("text", "no protobuf", lambda r: json.dumps(description()).encode()),
    exported("empty", "nothing", lambda r: b""),
    *(exported(f"cut at {part:.0%}", "what is missing", odd_files.cut(part))
      for part in (0.2, 0.6, 0.99)),
    *(exported(f"bit {number} flipped", "damage", odd_files.flipped(number))
      for number in range(6)),
    exported("a pipe", "an endless wait", odd_files.pipe),
    exported("a device", "endless reading", odd_files.link("/dev/zero")),
    exported("a link to itself", "endless links", odd_files.link("model.onnx")),
    exported("a link to nothing", "a missing file", odd_files.link("absent")),
    exported("a folder", "no file", odd_files.folder),
]  # fmt: skip
