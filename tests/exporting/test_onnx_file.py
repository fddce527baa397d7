"""ONNX files: every family, kind and task answers as the network does; the file says what it is."""

import itertools
import json
import sys
import tempfile

import numpy as np
import onnx
import pytest
import torch
from exported import FAMILIES, classifier, onnx_of, pictures

from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import MissingExtraError, ModelFileError
from kenspeckle.exporting.graph import trace
from kenspeckle.inference import answers
from kenspeckle.onnx_check import KEY
from kenspeckle.onnx_model import onnx_from_bytes
from kenspeckle.prediction import Opened

CLOSE = 1e-5
OFTEN = {"mlp", "convnet with mirrored borders", "resnet", "lite0", "hf vit"}


def cases(often, choices):
    """All of `choices`; an export takes seconds, so only those in `often` every time."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if case in often else pytest.mark.slow,
        )
        for case in choices
    ]


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """The bytes of the file of a dense network."""
    return onnx_of(classifier("mlp"), tmp_path_factory.mktemp("dense"))


def opened(picture, given):
    seen = prepare(picture, given.preprocess, channels=given.shape[0])
    return Opened(path="x", pixels=picture, seen=seen)


def largest_difference(given, model):
    items = [opened(picture, given) for picture in pictures()]
    worst = 0.0
    for item, (row, value) in zip(items, answers(given, items), strict=True):
        found, number = model.shares(item)
        worst = max(worst, float(np.abs(found - row).max()))
        assert (number is None) == (value is None)
        if value is not None:
            assert number == pytest.approx(value, abs=1e-4)
    return worst


@pytest.mark.parametrize("family", cases(OFTEN, FAMILIES))
def test_every_family_answers_alike(tmp_path, family):
    if family.startswith("hf"):
        pytest.importorskip("transformers")
    given = classifier(family)
    model = onnx_from_bytes(onnx_of(given, tmp_path), name="model", threads=1)
    assert largest_difference(given, model) < CLOSE


@pytest.mark.parametrize(
    ("kind", "channels"),
    cases(
        [("crop", 3), ("crops", 1), ("pad", 3)],
        itertools.product(["crop", "crops", "pad"], [1, 3]),
    ),
)
def test_every_way_of_framing_answers_alike(tmp_path, kind, channels):
    given = classifier("mlp", kind=kind, channels=channels)
    model = onnx_from_bytes(onnx_of(given, tmp_path), name="model", threads=1)
    assert largest_difference(given, model) < CLOSE


@pytest.mark.parametrize("kind", cases(["crops"], ["resize", "crops"]))
def test_a_model_that_tells_a_number_tells_the_same(tmp_path, kind):
    given = classifier("convnet", kind=kind, task="number", names=("1", "2", "5"))
    model = onnx_from_bytes(onnx_of(given, tmp_path), name="model", threads=1)
    assert largest_difference(given, model) < CLOSE


def test_digits_are_given_in_the_form_of_the_input(tmp_path):
    given = classifier("convnet", kind="ink", channels=1)
    model = onnx_from_bytes(onnx_of(given, tmp_path), name="model", threads=1)
    assert model.takes_prepared and "`ken predict` does that before it" in model.about.facts["note"]
    digit = np.zeros((50, 60, 1), np.uint8)
    digit[10:40, 25:30] = 255
    item = opened(digit, given)
    ((row, _),) = answers(given, [item])
    assert np.abs(model.shares(item)[0] - row).max() < CLOSE
    with pytest.raises(ModelFileError, match=r"^model: it cannot answer for pictures of shape"):
        model.probabilities(digit[np.newaxis])


def test_batches_of_any_length_answer_alike(tmp_path):
    given = classifier("resnet")
    model = onnx_from_bytes(onnx_of(given, tmp_path), name="model", threads=1)
    rng = np.random.default_rng(3)
    batch = rng.integers(0, 256, (64, 45, 31, 3), dtype=np.uint8)
    alone = np.concatenate([model.probabilities(picture[np.newaxis]) for picture in batch])
    for size in (1, 2, 63, 64):
        assert np.abs(model.probabilities(batch[:size]) - alone[:size]).max() < 1e-6


def test_the_file_says_what_it_is_and_nothing_of_the_machine(dense):
    proto = onnx.load_from_string(dense)
    (entry,) = proto.metadata_props
    said = json.loads(entry.value)
    assert entry.key == KEY
    assert said["description"]["class_names"] == ["a", "b", "c"]
    assert said["description"]["temperature"] == 1.25
    assert said["description"]["preprocess"]["kind"] == "resize"
    assert said["card"] == {"source": "none", "accuracy": [0.5, 7]}
    assert len(said["model_sha256"]) == 64 and said["opset"] >= 18
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    assert all(not tensor.external_data for tensor in proto.graph.initializer)
    assert b".py" not in dense and tempfile.gettempdir().encode() not in dense


def test_the_same_model_is_the_same_file(dense, tmp_path):
    assert onnx_of(classifier("mlp"), tmp_path) == dense


def test_a_network_that_cannot_be_followed_is_refused_in_one_line(tmp_path):
    class Restless(torch.nn.Module):
        def forward(self, images):
            return images.mean((2, 3)) if images.sum() > 0 else images[:, :, 0, 0]

    given = classifier("mlp")
    object.__setattr__(given, "network", Restless())
    with pytest.raises(ModelFileError) as caught:
        trace(given, name="out.onnx")
    message = str(caught.value)
    assert message.startswith("out.onnx: a network of the family mlp cannot be exported as a graph")
    assert "\n" not in message


def test_an_answer_of_another_shape_is_not_taken_for_probabilities(dense):
    model = onnx_from_bytes(dense, name="model", threads=1)
    object.__setattr__(model.about.description, "class_names", ("a", "b"))
    with pytest.raises(ModelFileError, match=r"its answer has shape \(1, 3\)"):
        model.probabilities(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_missing_runtime_is_named_with_its_extra(dense, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"^an \.onnx file needs onnxruntime; pip install"):
        onnx_from_bytes(dense, name="model")
