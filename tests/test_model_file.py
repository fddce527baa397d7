"""Model files: what was saved comes back bit for bit, and nothing else is ever loaded."""

import hashlib
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from mutations import DAMAGES, MEGABYTE, mutants, traced_peak
from PIL import Image

import kenspeckle as ks
from kenspeckle import config, model_file
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ModelFileError
from kenspeckle.inference import probabilities
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.layers import use_channels_last
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.presets import DEEP_MNIST

ARCHITECTURES = {
    "mlp": MlpConfig(hidden=(5, 4), activation="tanh", dropout=0.1),
    "softmax": MlpConfig(hidden=()),
    "convnet": ConvNetConfig(widths=(3, 4), kernels=(3, 3), paddings=(1, 1), pools=(2, 1)),
    "deep-mnist": replace(DEEP_MNIST, widths=(2, 3), hidden=(6,)),
    "lite0": EfficientNetLiteConfig(),
}


def classifier(name="mlp", *, side=8):
    torch.manual_seed(1)
    shape, names = (1, side, side), ("zero", "один", "二")
    network = build_model(ARCHITECTURES[name], shape=shape, outputs=3).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value))
    use_channels_last(network)
    return ks.Classifier(
        network=network,
        architecture=ARCHITECTURES[name],
        shape=shape,
        class_names=names,
        preprocess=PreprocessConfig(kind="ink", height=side, width=side),
        temperature=1.25,
        card={"data": "none", "accuracy": [0.5, 7]},
    )


def saved(path, name="mlp"):
    model_file.save(path, classifier(name))
    return path.read_bytes()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The bytes of a small dense network."""
    return saved(tmp_path_factory.mktemp("model") / "model.safetensors")


def written(path, data):
    path.unlink(missing_ok=True)  # ext4 flushes a file that is cut to nothing and written again
    path.write_bytes(data)
    return path


def refusal(path):
    with pytest.raises(ModelFileError) as caught:
        ks.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 1000
    return message.removeprefix(f"{path}: ")


def parts(data):
    """The header as an object and the bytes of the tensors."""
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def joined(header, body):
    """A file of a header, an object or its text, and the tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def about(header):
    """What the metadata says: format, description, card and SHA-256."""
    return json.loads(header["__metadata__"]["kenspeckle"])


def sealed(header, body, said=None):
    """A file that says `said`, with the SHA-256 that whoever edits one on purpose would compute."""
    said = {key: value for key, value in (said or about(header)).items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode() + body).hexdigest()
    metadata = {**header["__metadata__"], "kenspeckle": json.dumps(said | {"sha256": digest})}
    return joined({**header, "__metadata__": metadata}, body)


def edited(data, **description):
    """`data` with another description, sealed."""
    header, body = parts(data)
    said = about(header)
    return sealed(header, body, said | {"description": said["description"] | description})


def meaning(loaded):
    """All that a classifier is, in a form that compares bit for bit."""
    weights = {
        name: (value.dtype, tuple(value.shape), value.contiguous().numpy().tobytes())
        for name, value in loaded.network.state_dict().items()
    }
    return weights, replace(loaded, network=None, card=dict(loaded.card))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_loaded_model_gives_the_same_probabilities_bit_for_bit(tmp_path, name):
    before = classifier(name)
    model_file.save(tmp_path / "m", before)
    after = ks.load(tmp_path / "m")
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    expected = probabilities(before, images)
    found = probabilities(after, images)
    assert expected.tobytes() == found.tobytes()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_everything_about_a_model_comes_back(tmp_path, name):
    before = classifier(name)
    model_file.save(tmp_path / "m", before)
    assert meaning(ks.load(tmp_path / "m")) == meaning(before)


def test_a_trained_run_comes_back(run):
    loaded = ks.load(run.path / "model.safetensors")
    assert loaded.class_names == ("flat", "upright", "slanted")
    assert not loaded.network.training
    assert not any(value.requires_grad for value in loaded.network.parameters())


def test_the_same_model_is_the_same_file(tmp_path):
    copies = {saved(tmp_path / str(number)) for number in range(8)}
    assert len(copies) == 1


def test_a_loaded_model_is_saved_as_the_file_it_came_from(tmp_path, original):
    model_file.save(tmp_path / "copy", ks.load(written(tmp_path / "m", original)))
    assert (tmp_path / "copy").read_bytes() == original


def test_any_program_can_read_the_weights(tmp_path, original):
    weights = safetensors.torch.load(original)
    assert weights.keys() == classifier().network.state_dict().keys()


def softmax(names):
    """A classifier of one pixel into the classes `names`."""
    network = build_model(MlpConfig(hidden=()), shape=(1, 1, 1), outputs=len(names)).eval()
    return ks.Classifier(
        network=network,
        architecture=MlpConfig(hidden=()),
        shape=(1, 1, 1),
        class_names=names,
        preprocess=PreprocessConfig(kind="resize", height=1, width=1),
    )


def test_a_header_holds_as_many_classes_as_there_may_be(tmp_path):
    names = tuple(map(str, range(model_file.MAX_CLASSES)))
    model_file.save(tmp_path / "m", softmax(names))
    assert model_file.load(tmp_path / "m").class_names == names


def test_what_would_be_refused_is_not_written(tmp_path):
    names = tuple(f"{number:0200}" for number in range(6000))
    with pytest.raises(ModelFileError) as caught:
        model_file.save(tmp_path / "m", softmax(names))
    text = f"{tmp_path / 'm'}: its header would have 1,2"
    assert str(caught.value).startswith(text)
    assert str(caught.value).endswith(" bytes (at most 1,048,576); shorten the class names")
    assert list(tmp_path.iterdir()) == []


def test_a_model_file_predicts_where_nothing_else_is(tmp_path):
    model_file.save(tmp_path / "m", classifier(side=28))
    picture = np.full((40, 40), 255, np.uint8)
    picture[10:30, 18:22] = 0
    Image.fromarray(picture).save(tmp_path / "one.png")
    code = (
        "import sys, kenspeckle; "
        "found = kenspeckle.predict(kenspeckle.load('m'), ['one.png'])[0]; "
        "print(found.label, found.error, 'kenspeckle.training' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    label, error, trained = done.stdout.rstrip("\n").split(" ")
    assert label in ("zero", "один", "二")
    assert (error, trained) == ("", "False")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "not a safetensors file, or cut short (0 bytes)"),
        (
            lambda path: path.write_bytes(pickle.dumps({"weights": [1.0] * 99})),
            "not a safetensors file, or cut short (",
        ),
        (lambda path: torch.save({"a": torch.zeros(3)}, path), "not a safetensors file"),
        (
            lambda path: zipfile.ZipFile(path, "w").writestr("model.safetensors", b"x" * 99),
            "not a safetensors file",
        ),
        (lambda path: path.write_bytes(bytes(8)), "its header is not readable"),
        (lambda path: path.write_bytes(joined(b"[]", b"")), "its header is not a JSON object"),
        (
            lambda path: path.write_bytes(joined(b"[" * 100_000, b"")),
            "its header is not readable",
        ),
        (
            lambda path: path.write_bytes(safetensors.torch.save({"a": torch.zeros(3)})),
            "a safetensors file of another program (no kenspeckle metadata)",
        ),
        (
            lambda path: path.write_bytes(
                safetensors.torch.save({"a": torch.zeros(3)}, metadata={"format": "pt"})
            ),
            "a safetensors file of another program (no kenspeckle metadata)",
        ),
        (
            lambda path: path.write_bytes(joined(b" " * (1 << 20) + b"{}", b"")),
            "its header has 1,048,578 bytes (at most 1,048,576)",
        ),
    ],
)
def test_what_is_no_model_file_is_refused_with_the_reason(tmp_path, make, reason):
    make(tmp_path / "m")
    assert refusal(tmp_path / "m").startswith(reason)


def test_a_file_that_is_cut_short_is_refused_with_both_sizes(tmp_path, original):
    size = len(original)
    assert refusal(written(tmp_path / "m", original[:-1])) == (
        f"{size - 1:,} bytes, but its header says {size:,}; it is cut short or padded"
    )


def test_a_changed_weight_is_refused(tmp_path, original):
    data = bytearray(original)
    data[-1] ^= 1
    assert refusal(written(tmp_path / "m", bytes(data))) == (
        "its content does not have the SHA-256 in its metadata; it was changed or damaged"
    )


@pytest.mark.parametrize(
    ("old", "new"), [("zero", "nero"), ("1.25", "1.75"), ("[0.5, 7]", "[0.9, 7]")]
)
def test_a_changed_description_or_card_is_refused(tmp_path, original, old, new):
    assert original.count(old.encode()) == 1
    data = original.replace(old.encode(), new.encode())
    assert "SHA-256" in refusal(written(tmp_path / "m", data))


def test_tensors_that_changed_places_are_refused(tmp_path):
    header, body = parts(saved(tmp_path / "m", "convnet"))
    weight, bias = header["block1.norm.weight"], header["block1.norm.bias"]
    weight["data_offsets"], bias["data_offsets"] = bias["data_offsets"], weight["data_offsets"]
    refusal(written(tmp_path / "m", joined(header, body)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_number_is_refused(tmp_path, original, value):
    header, body = parts(original)
    begin, _ = header["dense1.weight"]["data_offsets"]
    body = body[:begin] + struct.pack("<f", value) + body[begin + 4 :]
    message = refusal(written(tmp_path / "m", sealed(header, body)))
    assert message == "tensor dense1.weight holds NaN or infinity"


def test_an_edit_of_nothing_loads(tmp_path, original):
    header, body = parts(original)
    expected = meaning(ks.load(written(tmp_path / "m", original)))
    assert meaning(ks.load(written(tmp_path / "m", sealed(header, body)))) == expected


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="the peak of memory is read from /proc"
)
MLP = {"name": "mlp", "hidden": [5, 4], "activation": "tanh", "dropout": 0.1}
INK = {"kind": "ink", "height": 8, "width": 8, "least": 28, "scaling": "standard"}


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ({"architecture": MLP | {"name": "resent"}}, "unknown architecture.name 'resent'"),
        ({"architecture": MLP | {"name": "os.system"}}, "unknown architecture.name 'os.system'"),
        ({"architecture": MLP | {"name": "__import__('os')"}}, "unknown architecture.name"),
        ({"architecture": MLP | {"name": ["mlp"]}}, "unknown architecture.name"),
        ({"architecture": MLP | {"name": None}}, "unknown architecture.name"),
        ({"architecture": "mlp"}, "architecture must be a table of settings, got 'mlp'"),
        ({"architecture": {"hidden": [5]}}, "architecture.name is missing"),
        ({"architecture": MLP | {"activation": "eval"}}, "architecture.activation must be one of"),
        ({"architecture": MLP | {"hidden": [10**9, 10**9]}}, "architecture.hidden must be at most"),
        ({"architecture": MLP | {"hidden": [10**30]}}, "architecture.hidden must be at most 100"),
        ({"architecture": MLP | {"hidden": [-5, 4]}}, "architecture.hidden must be at most 100"),
        (
            {"architecture": MLP | {"hidden": [5.0, 4]}},
            "architecture.hidden[0] must be a whole number",
        ),
        (
            {"architecture": MLP | {"hidden": [True, 4]}},
            "architecture.hidden[0] must be a whole number",
        ),
        ({"architecture": MLP | {"hidden": [4, 5]}}, "tensor dense1.bias is F32 of shape [5]"),
        (
            {"architecture": MLP | {"hidden": [5]}},
            "tensor dense2.bias is not part of its architecture",
        ),
        ({"architecture": MLP | {"hidden": [5, 4, 3]}}, "tensor dense3.bias is missing"),
        ({"architecture": MLP | {"dropout": float("nan")}}, "architecture.dropout must be in"),
        ({"architecture": MLP | {"code": "import os"}}, "unknown setting 'architecture.code'"),
        ({"shape": [8, 8]}, "shape must be three sizes in 1..4096"),
        ({"shape": [1, -8, -8]}, "shape must be three sizes in 1..4096"),
        ({"shape": [1, 0, 8]}, "shape must be three sizes in 1..4096"),
        ({"shape": [1, 8, 8.0]}, "shape[2] must be a whole number"),
        ({"shape": [1, 2**40, 8]}, "shape must be three sizes in 1..4096"),
        ({"shape": [1, 4, 16]}, ""),
        ({"shape": [4, 4, 4]}, ""),
        ({"class_names": []}, "class_names must be 1 to 65536, got 0"),
        ({"class_names": ["a", "b"]}, "tensor head.bias is F32 of shape [3], expected [2]"),
        ({"class_names": ["a", "b", 3]}, "class_names[2] must be a text"),
        ({"class_names": ["a"] * 65537}, "class_names must be 1 to 65536, got 65537"),
        ({"temperature": 0.0}, "temperature must be in 1e-06..1e+06"),
        ({"temperature": -1.0}, "temperature must be in 1e-06..1e+06"),
        ({"temperature": float("nan")}, "temperature must be in 1e-06..1e+06"),
        ({"temperature": float("inf")}, "temperature must be in 1e-06..1e+06"),
        ({"temperature": "1"}, "temperature must be a number"),
        ({"preprocess": INK | {"kind": "eval"}}, "preprocess.kind must be one of"),
        ({"preprocess": INK | {"kind": "auto"}}, ""),
        ({"preprocess": INK | {"height": 0, "width": 0}}, ""),
        ({"preprocess": INK | {"height": 4, "width": 16}}, ""),
        ({"preprocess": INK | {"height": 10**9}}, "preprocess.height must be in"),
        ({"module": "os"}, "unknown setting 'module'"),
    ],
)
def test_a_description_that_cannot_be_is_refused_with_the_reason(
    tmp_path, original, description, reason
):
    path = written(tmp_path / "m", edited(original, **description))
    assert refusal(path).startswith(reason)


def set_entry(name, **values):
    def edit(header):
        header[name].update(values)

    return edit


def rename(old, new):
    def edit(header):
        header[new] = header.pop(old)

    return edit


def set_metadata(**values):
    return set_entry("__metadata__", **values)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_entry("dense1.bias", dtype="F16"), "tensor dense1.bias is "),
        (set_entry("dense1.bias", dtype="I32"), "tensor dense1.bias is "),
        (set_entry("dense1.bias", dtype="F32\nrun"), "tensor dense1.bias is "),
        (set_entry("dense1.bias", dtype=["F32"]), "tensor dense1.bias is "),
        (set_entry("dense1.bias", dtype="x" * 100_000), "tensor dense1.bias is "),
        (set_entry("dense1.weight", shape=[64, 5]), "tensor dense1.weight is F32 of shape [64, 5]"),
        (set_entry("dense1.weight", shape=[320]), "tensor dense1.weight is F32 of shape [320]"),
        (
            set_entry("dense1.weight", shape=[5, 64, 1]),
            "tensor dense1.weight is F32 of shape [5, 64, 1]",
        ),
        (
            set_entry("dense1.weight", shape=[-5, -64]),
            "tensor dense1.weight is F32 of shape [-5, -64]",
        ),
        (set_entry("dense1.weight", shape=[2**40, 64]), "tensor dense1.weight is F32 of shape ["),
        (set_entry("dense1.weight", shape=None), "tensor dense1.weight is F32 of shape None"),
        (set_entry("dense1.bias", data_offsets=[0, 4]), "tensor dense1.bias is "),
        (set_entry("dense1.bias", data_offsets=[4, 24]), "tensor "),
        (
            set_entry("dense1.bias", data_offsets=[20, 0]),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (
            set_entry("dense1.bias", data_offsets=[-20, 0]),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (
            set_entry("dense1.bias", data_offsets=[0.0, 20.0]),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (set_entry("dense1.bias", data_offsets=[False, True]), "tensor dense1.bias has no valid"),
        (
            set_entry("dense1.bias", data_offsets="ab"),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (
            set_entry("dense1.bias", data_offsets=[0, 1, 2]),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (
            set_entry("dense1.bias", data_offsets={"a": 0, "b": 4}),
            "tensor dense1.bias has no valid",
        ),
        (
            set_entry("dense1.bias", data_offsets=None),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (set_entry("dense1.bias", data_offsets=[0, 2**62]), ""),
        (set_entry("dense1.bias", data_offsets=[0, 10**4300 - 1]), ""),
        (rename("dense1.bias", "dense1.bios"), "tensor "),
        (rename("dense1.bias", "__class__"), "tensor "),
        (rename("dense1.bias", "2\n.bias\x1b[2J"), "tensor "),
        (rename("dense1.bias", "x" * 100_000), "tensor "),
        (lambda header: header.pop("dense1.bias"), "tensor dense1.bias is missing"),
        (
            lambda header: header.update({"dense1.bias": 7}),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (
            lambda header: header.update({"dense1.bias": []}),
            "tensor dense1.bias has no valid data_offsets",
        ),
        (set_metadata(extra=7), ""),
        (set_metadata(extra={"a": "b"}), ""),
        (set_metadata(extra="\ud800"), ""),
    ],
)
def test_a_header_that_cannot_be_is_refused_with_the_reason(tmp_path, original, edit, reason):
    header, body = parts(original)
    edit(header)
    path = written(tmp_path / "m", sealed(header, body))
    assert refusal(path).startswith(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2, expected 1"),
        ({"format": "kenspeckle-1"}, "format 'kenspeckle-1', expected 1"),
        ({"format": "x" * 100_000}, "format 'xxx"),
        ({"format": None}, "format None, expected 1"),
        ({"description": None}, "its description is not a JSON object"),
        ({"description": []}, "its description is not a JSON object"),
        ({"description": "{}"}, "its description is not a JSON object"),
        ({"description": {}}, ""),
        ({"card": 7}, "its card is not a JSON object"),
        ({"card": None}, "its card is not a JSON object"),
    ],
)
def test_metadata_that_cannot_be_is_refused_with_the_reason(tmp_path, original, change, reason):
    header, body = parts(original)
    path = written(tmp_path / "m", sealed(header, body, about(header) | change))
    assert refusal(path).startswith(reason)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "a safetensors file of another program (no kenspeckle metadata)"),
        ([], "a safetensors file of another program (no kenspeckle metadata)"),
        (None, "a safetensors file of another program (no kenspeckle metadata)"),
        ({"kenspeckle": None}, "its metadata is not readable"),
        ({"kenspeckle": 7}, "its metadata is not readable"),
        ({"kenspeckle": {}}, "its metadata is not readable"),
        ({"kenspeckle": "{"}, "its metadata is not readable"),
        ({"kenspeckle": "[]"}, "its metadata is not a JSON object"),
        ({"kenspeckle": '{"format": 1, "format": 1}'}, "its metadata is not readable"),
        ({"kenspeckle": '{"a": ' * 20_000}, "its metadata is not readable"),
    ],
)
def test_metadata_of_another_kind_is_refused_with_the_reason(tmp_path, original, metadata, reason):
    header, body = parts(original)
    path = written(tmp_path / "m", joined(header | {"__metadata__": metadata}, body))
    assert refusal(path).startswith(reason)


@pytest.mark.parametrize("depth", [10, 500, 800, *range(900, 1000, 3), 2000])
def test_a_card_of_any_depth_is_read_or_refused(tmp_path, original, depth):
    header, body = parts(original)
    text = json.dumps(about(header) | {"card": {}})
    text = text.replace('"card": {}', '"card": ' + '{"a": ' * depth + "1" + "}" * depth)
    metadata = {"__metadata__": {"kenspeckle": text}}
    refusal(written(tmp_path / "m", joined(header | metadata, body)))  # no SHA-256 that fits


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"__metadata__"', b'{"dense1.bias": {}, "__metadata__"'),
        (b'{"__metadata__"', b'{"__metadata__": {}, "__metadata__"'),
        (b'"dtype"', b'"dtype": "F16", "dtype"'),
        (b'\\"shape\\"', b'\\"shape\\": [1, 2, 3], \\"shape\\"'),
    ],
)
def test_a_key_that_occurs_twice_is_refused(tmp_path, original, old, new):
    header, body = parts(original)
    text = json.dumps(header).encode()
    assert old in text
    path = written(tmp_path / "m", joined(text.replace(old, new, 1), body))
    assert "not readable" in refusal(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_header_in_another_encoding_is_refused(tmp_path, original, encoding):
    header, body = parts(original)
    text = json.dumps(header).encode(encoding)
    refusal(written(tmp_path / "m", joined(text, body)))


@pytest.mark.parametrize("length", [0, 1, 7, 2**31, 2**62, 2**63, 2**64 - 1])
def test_a_wrong_length_of_the_header_is_refused(tmp_path, original, length):
    refusal(written(tmp_path / "m", struct.pack("<Q", length) + original[8:]))


BOMBS = {
    "a hundred wide layers": {"architecture": MLP | {"hidden": [65536] * 100}},
    "a large picture": {"shape": [4096, 4096, 4096], "architecture": MLP | {"hidden": [65536]}},
    "many classes": {"class_names": [str(number) for number in range(65536)]},
    "wide convolutions": {
        "architecture": {
            "name": "convnet",
            "widths": [4096] * 100,
            "kernels": [15] * 100,
            "paddings": [7] * 100,
            "pools": [1] * 100,
        }
    },
    "a wide dense layer": {
        "architecture": {**config.to_dict(DEEP_MNIST), "widths": [4096, 4096], "hidden": [65536]},
        "shape": [4096, 4096, 4096],
    },
}
MEASURE = """
import re, sys, kenspeckle
def peak():  # not ru_maxrss, which a child takes over from its parent
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) << 10
def load(path):
    try:
        kenspeckle.load(path)
    except kenspeckle.KenspeckleError:
        return "refused"
    return "loaded"
load(sys.argv[1])
before = peak()
for path in sys.argv[2:]:
    print(load(path), peak() - before)
"""


@needs_proc
def test_a_header_that_claims_a_giant_does_not_allocate_one(tmp_path, original):
    """Measured from outside, because tracemalloc does not see what torch allocates."""
    header, body = parts(original)
    files = [edited(original, **description) for description in BOMBS.values()]
    tensors = {
        f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(60_000)
    }
    files.append(joined(header | tensors, body))
    files.append(joined(b'{"a":' + b"[" * (4_000_000) + b"]" * 100 + b"}", body))
    files.append(joined(b'{"a":[' + b"1," * 2_000_000 + b"1]}", body))
    paths = [written(tmp_path / str(number), data) for number, data in enumerate(files)]
    whole = written(tmp_path / "whole", original)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, whole, *paths], capture_output=True, text=True
    )
    results = [line.split() for line in done.stdout.splitlines()]
    assert [state for state, _ in results] == ["refused"] * len(files), done.stderr
    largest = max(map(len, files))
    assert max(int(peak) for _, peak in results) < largest + 64 * MEGABYTE


@needs_proc
def test_the_measure_from_outside_notices_a_network_that_is_built(tmp_path, original):
    whole = written(tmp_path / "whole", original)
    wasteful = "import torch; torch.ones(30_000_000)\nprint('loaded', peak() - before)"
    done = subprocess.run(
        [sys.executable, "-c", f"{MEASURE}\n{wasteful}", whole], capture_output=True, text=True
    )
    assert int(done.stdout.split()[1]) > 64 * MEGABYTE


VALUES = (0, 1, -1, 2**31, 2**63, 0.5, "", "F16", "mlp", "os", None, [], {}, [1], True, "ink")


def edit_json(data, other, rng):
    """Change one value somewhere in the header, and give it the SHA-256 that fits."""
    header, body = parts(data)
    said = about(header)
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    tables = [value for value in said["description"].values() if isinstance(value, dict | list)]
    places = [said, said["description"], *tables, header["__metadata__"], *entries]
    places += [entry["data_offsets"] for entry in entries]
    place = places[rng.integers(len(places))]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    value = VALUES[rng.integers(len(VALUES))]
    place[keys[rng.integers(len(keys))]] = value
    if place is header["__metadata__"]:
        return joined(header, body)
    return sealed(header, body, said)


def edit_length(data, other, rng):
    """A header that is said to be a little longer or shorter than it is."""
    length = int.from_bytes(data[:8], "little") + int(rng.integers(-9, 10))
    return struct.pack("<Q", length) + data[8:]


def classifier_or_refusal(path):
    try:
        return ks.load(path)
    except ModelFileError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        return None


def check_usable(found, name):
    """What loads must take a picture and give probabilities."""
    channels, height, width = found.shape
    picture = np.zeros((30, 30, 1), np.uint8)
    picture[5:25, 13:17] = 255
    seen = prepare(picture, found.preprocess, channels=channels)
    assert seen.shape == (1, height, width, channels), name
    rows = probabilities(found, seen)
    assert rows.shape == (1, len(found.class_names)), name
    assert np.isfinite(rows).all(), name


def check_mutants(folder, count, seed):
    """Load every mutant; return how many are accepted."""
    originals = [saved(folder / "m", name) for name in ARCHITECTURES]
    meanings = [meaning(ks.load(written(folder / "m", data))) for data in originals]
    damages = (*DAMAGES, edit_length, edit_json, edit_json)
    loaded = 0
    for name, data in mutants(originals, count=count, seed=seed, damages=damages):
        path = written(folder / "m", data)
        peak, found = traced_peak(partial(classifier_or_refusal, path))
        assert peak <= len(data) + 64 * MEGABYTE, name
        if found:
            loaded += 1
            check_usable(found, name)
            same = [weights for weights, _ in meanings] if "json" in name else meanings
            assert (meaning(found)[0] if "json" in name else meaning(found)) in same, name
    return loaded


def test_damaged_model_files_are_refused(tmp_path):
    assert check_mutants(tmp_path, count=300, seed=0) < 60


@pytest.mark.slow
def test_two_thousand_damaged_model_files_are_refused(tmp_path):
    check_mutants(tmp_path, count=2_000, seed=1)
