"""No flipped bit goes unnoticed, and no damage ends in anything but a line.

KENSPECKLE_MUTANTS=10000 tries that many instead of those of the normal suite.
"""

import os

import numpy as np
import pytest
import torch
from corpus.onnx_graph import sealed, small_graph
from mutations import mutants

from kenspeckle import checkpoint, model_file
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import CheckpointError, ModelFileError
from kenspeckle.model_file import Classifier
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.onnx_model import onnx_from_bytes

ASKED = int(os.environ.get("KENSPECKLE_MUTANTS", "0"))
FLIPS = min(ASKED, 1000) or 200
MUTANTS = ASKED or 300
IDENTITY = {"configuration": "a", "data": "b"}


def packed(seed=0):
    """A small model file."""
    torch.manual_seed(seed)
    architecture = MlpConfig(hidden=(3,))
    network = build_model(architecture, shape=(1, 4, 4), outputs=2).eval()
    preprocess = PreprocessConfig(kind="ink", height=4, width=4)
    return model_file.to_bytes(
        Classifier(
            network=network,
            architecture=architecture,
            shape=(1, 4, 4),
            class_names=("a", "b"),
            preprocess=preprocess,
        )
    )


def test_every_flipped_bit_in_a_model_file_is_detected():
    data = packed()
    places = np.random.default_rng(7).choice(len(data) * 8, FLIPS, replace=False)
    loaded = []
    for place in places:
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << int(place % 8)
        try:
            model_file.from_bytes(bytes(damaged))
        except ModelFileError:
            continue
        loaded.append(int(place))
    assert loaded == []


def test_control_without_its_digest_a_flipped_weight_would_be_loaded(monkeypatch):
    data = bytearray(packed())
    data[-4] ^= 1
    with pytest.raises(ModelFileError, match="SHA-256"):
        model_file.from_bytes(bytes(data))
    said = []
    monkeypatch.setattr(model_file, "_digest", lambda about, body: about.get("sha256"))
    said.append(model_file.from_bytes(bytes(data)))
    assert len(said) == 1


def test_every_flipped_bit_in_an_exported_file_is_detected():
    data = sealed(small_graph().SerializeToString())
    places = np.random.default_rng(8).choice(len(data) * 8, FLIPS, replace=False)
    loaded = []
    for place in places:
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << int(place % 8)
        try:
            onnx_from_bytes(bytes(damaged), name="m", threads=1)
        except ModelFileError:
            continue
        loaded.append(int(place))
    assert loaded == []


@pytest.mark.timeout(3600)
def test_a_damaged_exported_file_is_refused_in_one_line():
    originals = [sealed(small_graph().SerializeToString(), note=note) for note in ("", "a note")]
    for name, data in mutants(originals, count=MUTANTS, seed=13):
        if data in originals:
            continue
        with pytest.raises(ModelFileError) as caught:
            onnx_from_bytes(data, name="m", threads=1)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 1000, name


@pytest.mark.timeout(3600)
def test_a_damaged_model_file_is_refused_in_one_line():
    originals = [packed(), packed(1)]
    for name, data in mutants(originals, count=MUTANTS, seed=11):
        if data in originals:
            continue
        with pytest.raises(ModelFileError) as caught:
            model_file.from_bytes(data)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 1000, name


@pytest.mark.timeout(3600)
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path):
    tensors = {"network": {"weight": torch.arange(12.0)}, "optimizer": {"mean": torch.zeros(3)}}
    snapshot = checkpoint.Snapshot(step=4, tensors=tensors, state={"training": {"step": 4}})
    folder = checkpoint.save(tmp_path, snapshot, identity=IDENTITY, keep=1)
    files = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    paths, originals = list(files), list(files.values())
    for number, (name, data) in enumerate(mutants(originals, count=MUTANTS, seed=12)):
        path = paths[number % len(paths)]
        if data == files[path]:
            continue
        path.unlink()
        path.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            checkpoint.load_newest(tmp_path, identity=IDENTITY)
        assert str(caught.value).isprintable(), name
        path.write_bytes(files[path])
