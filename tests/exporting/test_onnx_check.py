"""What is no export of this program never reaches ONNX Runtime: one line says why."""

import json

import numpy as np
import onnx
import pytest
from exported import classifier, edited, onnx_of
from onnx import TensorProto, helper

from kenspeckle import onnx_check
from kenspeckle.errors import ModelFileError
from kenspeckle.onnx_check import KEY, check
from kenspeckle.onnx_model import load_onnx, onnx_from_bytes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return onnx_of(classifier("mlp"), tmp_path_factory.mktemp("model"))


def refusal(data):
    with pytest.raises(ModelFileError) as caught:
        onnx_from_bytes(data, name="m.onnx")
    message = str(caught.value)
    assert message.startswith("m.onnx: ") and message.isprintable() and len(message) < 500
    return message.removeprefix("m.onnx: ")


def test_an_export_passes_and_so_does_one_that_is_sealed_again(data):
    assert check(data, name="m").description.class_names == ("a", "b", "c")
    assert onnx_from_bytes(edited(data, lambda proto: None), name="m").class_names[0] == "a"


def elsewhere(proto):
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def branch(proto):
    inside = helper.make_graph([], "inside", [], [])
    proto.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inside))


def loops(proto):
    inside = helper.make_graph([], "inside", [], [])
    for _ in range(12):
        node = helper.make_node("Loop", ["x"], ["y"], body=inside)
        inside = helper.make_graph([node], "inside", [], [])
    proto.graph.node.append(helper.make_node("Loop", ["x"], ["y"], body=inside))


def own_operator(proto):
    proto.graph.node.append(helper.make_node("Shell", ["x"], ["y"], domain="com.example"))


def own_domain(proto):
    proto.opset_import.append(helper.make_opsetid("com.example", 1))


def function(proto):
    opset = [helper.make_opsetid("", 20)]
    proto.functions.append(helper.make_function("", "Twice", ["x"], ["y"], [], opset))


def many(proto):
    node = helper.make_node("Relu", ["x"], ["y"])
    proto.graph.node.extend([node] * 60_000)


def huge(proto):
    proto.graph.initializer[0].dims[:] = [1 << 30, 1 << 30]


def vast(proto):
    proto.graph.initializer[0].dims[:] = [1 << 60]


def strings(proto):
    proto.graph.initializer.append(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"]))


def listed(proto):
    proto.graph.initializer.append(helper.make_tensor("s", TensorProto.FLOAT, [2], [1.0, 2.0]))


def sparse(proto):
    proto.graph.sparse_initializer.add()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (elsewhere, "a tensor lies in another file; an export is one file"),
        (branch, "an operator holds a graph or another nested part; no export has these"),
        (loops, "an operator holds a graph or another nested part; no export has these"),
        (own_operator, "operator Shell of com.example is not of the standard domain"),
        (own_domain, "it needs operators of com.example, not of the standard domain"),
        (function, "it defines functions or a training; only plain operators are accepted"),
        (many, "it has more than 50,000 parts where an export has fewer"),
        (huge, "a tensor of 4,611,686,018,427,387,904 bytes by its extents has"),
        (vast, "a tensor has impossible extents"),
        (strings, "a tensor is not stored as plain bytes"),
        (listed, "a tensor is not stored as plain bytes"),
        (sparse, "it has sparse tensors, which no export has"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_could_do_harm_is_refused_before_the_runtime(data, edit, reason, monkeypatch):
    monkeypatch.setattr("kenspeckle.onnx_model._runtime", lambda: pytest.fail("it was loaded"))
    assert refusal(edited(data, edit)).startswith(reason)


def test_a_file_that_passes_reaches_the_runtime(data, monkeypatch):
    monkeypatch.setattr("kenspeckle.onnx_model._runtime", lambda: pytest.fail("it was loaded"))
    with pytest.raises(pytest.fail.Exception, match="it was loaded"):
        onnx_from_bytes(data, name="m.onnx")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"format": 2}, "format 2, expected 1"),
        ({"card": 5}, "its card is not a JSON object"),
        ({"description": {}}, ""),
        ({"description": {"shape": [3, 0, 0]}}, ""),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(data, facts, reason):
    assert refusal(edited(data, lambda proto: None, **facts)).startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"temperature": 0.0}, "temperature must be in 1e-06..1e+06, got 0.0"),
        ({"shape": [2, 32, 32]}, "shape must begin with 1 or 3 channels, got 2"),
        ({"class_names": []}, "class_names must be 1 to 65536, got 0"),
        ({"task": "else"}, "task must be"),
        ({"colour": 1}, "unknown setting 'colour'"),
    ],
)
def test_the_description_is_checked_as_that_of_a_model_file(data, change, reason):
    said = json.loads(onnx.load_from_string(data).metadata_props[0].value)["description"]
    assert refusal(edited(data, lambda proto: None, description=said | change)).startswith(reason)


def test_a_changed_byte_of_a_weight_is_noticed(data):
    proto = onnx.load_from_string(data)
    weights = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.raw_data = bytes([weights.raw_data[0] ^ 1]) + weights.raw_data[1:]
    reason = "its content does not have the SHA-256 in its metadata; it was changed or damaged"
    assert refusal(proto.SerializeToString()) == reason


def test_the_file_of_another_program_is_refused(data):
    proto = onnx.load_from_string(data)
    del proto.metadata_props[:]
    reason = "an ONNX file of another program (no kenspeckle metadata)"
    assert refusal(proto.SerializeToString()) == reason
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, "{"
    assert refusal(proto.SerializeToString()) == "its metadata is not readable"


def test_no_cut_and_no_flipped_byte_gets_past_the_check(data):
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(data), 60):
        refusal(data[:cut])
    for place in rng.integers(0, len(data), 200):
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(rng.integers(0, 8))
        try:
            onnx_check.check(bytes(damaged), name="m")
        except ModelFileError as error:
            assert "\n" not in str(error)
        else:  # a second way to write the same metadata, such as a space in its JSON
            said = onnx_check.check(data, name="m")
            assert onnx_check.check(bytes(damaged), name="m").description == said.description


@pytest.mark.parametrize("text", [b"", b"\x08", b"\xff" * 50, b"hello world", b"\x3a\xff\x01"])
def test_what_is_no_onnx_file_is_refused(text):
    refusal(text)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.onnx: cannot be read: No such file"):
        load_onnx(tmp_path / "none.onnx")
