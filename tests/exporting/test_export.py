"""`ks.export`: what it writes, how it proves it, and what it refuses."""

import io
import json

import numpy as np
import pytest
import torch
from conftest import SMALL
from PIL import Image

import kenspeckle as ks
from kenspeckle import onnx_model
from kenspeckle.errors import ConfigError, ModelFileError, RunError
from kenspeckle.onnx_model import load_onnx, predict_onnx

FRAMED = ("preprocess.kind=pad", "preprocess.height=28", "preprocess.width=28")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of pictures of two classes, in the modes and sizes that people have."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(48):
        label = ("dark", "light")[number % 2]
        size = (int(rng.integers(9, 90)), int(rng.integers(9, 90)), 3)
        pixels = rng.integers(0, 120, size) + 120 * (number % 2)
        image = Image.fromarray(pixels.astype(np.uint8))
        mode, suffix = [("RGB", "jpg"), ("L", "png"), ("P", "png"), ("RGBA", "png")][
            number // 2 % 4
        ]
        (folder / label).mkdir(exist_ok=True)
        image.convert(mode).save(folder / label / f"{number}.{suffix}")
    return folder


@pytest.fixture(scope="module")
def folder_run(photographs, tmp_path_factory):
    out = tmp_path_factory.mktemp("folder") / "run"
    return ks.train(str(photographs), recipe="swift", settings=(*SMALL, *FRAMED), out=out)


@pytest.fixture(scope="module")
def made(run, dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "model.onnx"
    return ks.export(run, out=out, source=dataset, pictures=20)


def test_an_export_is_proven_on_arrays_and_files(made):
    assert made.path.stat().st_size == made.size
    assert made.parity.max_difference < 1e-5 and made.parity.disagreements == ()
    names = [(path.name, path.against) for path in made.parity.paths]
    assert names == [
        ("onnx on arrays", "evaluation"),
        ("predict", "evaluation"),
        ("onnx", "predict"),
    ]
    assert made.parity.paths[0].compared == 20
    assert made.parity.pictures > 20  # and copies of some in other modes and sizes


def test_an_exported_file_predicts_what_the_run_predicts(made, run, tmp_path):
    rng = np.random.default_rng(2)
    for number in range(4):
        pixels = rng.integers(0, 256, (20 + number, 45, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "4.png").write_bytes(b"no picture")
    found = predict_onnx(load_onnx(made.path), tmp_path)
    for one, other in zip(found, ks.predict(ks.load(run.model_file), tmp_path), strict=True):
        assert (one.path, one.label, one.runner_up) == (other.path, other.label, other.runner_up)
        assert one.probability == pytest.approx(other.probability, abs=1e-5)
        assert one.error == other.error and one.value == other.value
        if not one.error:
            assert np.array_equal(one.seen, other.seen)
            assert np.array_equal(one.picture, other.picture)
    assert found[-1].error


def test_the_files_of_a_folder_take_part_themselves(folder_run, tmp_path):
    before = folder_run.result
    made = ks.export(folder_run, out=tmp_path / "m.onnx")
    by_name = {path.name: path for path in made.parity.paths}
    assert by_name["predict"].compared == by_name["onnx"].compared == made.parity.pictures > 0
    assert made.parity.max_difference < 1e-5
    assert folder_run.result == before  # the test split is as untouched as it was


def test_a_program_of_torch_is_written_and_answers_alike(folder_run, tmp_path):
    made = ks.export(folder_run, to="pt2", out=tmp_path / "m.pt2")
    assert made.parity.max_difference < 1e-6
    extra = {"kenspeckle": ""}
    data = io.BytesIO(made.path.read_bytes())
    module = torch.export.load(data, extra_files=extra).module()
    assert json.loads(extra["kenspeckle"])["description"]["class_names"] == ["dark", "light"]
    shares = module(torch.zeros((1, 5, 7, 1), dtype=torch.uint8))[0]
    assert shares.shape == (1, 2) and float(shares.sum()) == pytest.approx(1)


def test_a_way_that_answers_otherwise_stops_the_writing(run, dataset, tmp_path):
    out = tmp_path / "m.onnx"

    def wrong(files):
        return np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (len(files), 1))

    with pytest.raises(ModelFileError) as caught:
        ks.export(run, out=out, source=dataset, pictures=10, paths={"server": wrong})
    message = str(caught.value)
    assert message.startswith(f"{out}: not written, since server and predict differ by ")
    assert "(at most 0.0001)" in message and "labels differ" in message
    assert not out.exists()


def test_a_way_that_answers_alike_is_part_of_the_proof(run, dataset, made, tmp_path):
    from kenspeckle.parity import answers_of

    again = answers_of(load_onnx(made.path))
    found = ks.export(
        run, out=tmp_path / "m.onnx", source=dataset, pictures=10, paths={"server": again}
    )
    assert found.parity.paths[-1].name == "server"
    assert found.parity.paths[-1].compared == found.parity.pictures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"to": "onxx"},
            "unknown format 'onxx'; did you mean 'onnx'? (known: onnx, pt2)",
        ),
        ({"pictures": 0}, "pictures must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_line(run, dataset, arguments, message):
    with pytest.raises(ConfigError) as caught:
        ks.export(run, source=dataset, **arguments)
    assert str(caught.value) == message


def test_an_exported_file_is_no_run(made):
    with pytest.raises(RunError) as caught:
        ks.evaluate(made.path)
    assert str(caught.value) == (
        f"{made.path}: an exported model and no run; `ken predict` and `ken serve` take "
        "a .onnx file, everything else takes the folder of the run"
    )


def test_an_exported_file_is_no_model_file_and_is_told_so(made):
    with pytest.raises(ModelFileError, match="it looks like an exported model: `ken predict`"):
        ks.load(made.path)


def test_threads_of_the_runtime_do_not_spin(made, monkeypatch):
    options = []
    real = onnx_model._runtime()
    original = real.InferenceSession

    def session(data, given, **rest):
        options.append(given)
        return original(data, given, **rest)

    monkeypatch.setattr(real, "InferenceSession", session)
    load_onnx(made.path, threads=3)
    assert options[0].get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert (options[0].intra_op_num_threads, options[0].inter_op_num_threads) == (3, 1)
