"""`ken export`, and `ken predict` of what it writes, which never waits for torch."""

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL
from PIL import Image

import kenspeckle as ks
from kenspeckle.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "predict_onnx.py"
SETTINGS = [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on scikit-learn's digits, which are brought into the form of MNIST."""
    path = tmp_path_factory.mktemp("digits") / "run"
    settings = [*SETTINGS, "--set", "preprocess.kind=resize"]
    assert main(["train", "digits", "--out", str(path), "--seed", "3", *settings]) == 0
    return path


@pytest.fixture(scope="module")
def said(digits):
    """What `ken export` says as JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["export", str(digits), "--json"]) == 0
    return json.loads(said.getvalue().splitlines()[-1])


@pytest.fixture(scope="module")
def exported(digits, said):
    return digits / "model.onnx"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "a.png"
    image = np.zeros((40, 40), dtype=np.uint8)
    image[8:32, 18:22] = 255
    Image.fromarray(image).save(path)
    return path


def document(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in (*arguments, "--json")])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_export_as_json_has_the_documented_keys(said, exported):
    assert set(said) >= {"path", "max_difference", "disagreements", "paths"}
    assert said["path"] == str(exported) and said["disagreements"] == []
    assert said["max_difference"] < 1e-5 and said["split"] == "test"
    assert [path["compared"] > 0 for path in said["paths"]] == [True] * 4
    assert said["paths"][-1]["name"] == "server"


def test_export_prints_the_largest_difference(capsys, digits, tmp_path):
    capsys.readouterr()
    assert main(["export", str(digits), "--out", str(tmp_path / "m.pt2"), "--to", "pt2"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert f"wrote {tmp_path / 'm.pt2'}" in words
    assert "largest difference of a probability" in words and "0 labels differ" in words


def test_predict_of_a_file_is_that_of_the_run(capsys, digits, exported, picture):
    _, expected = document(capsys, "predict", digits, picture)
    code, found = document(capsys, "predict", exported, picture)
    assert code == 0
    (one,), (other,) = expected["predictions"], found["predictions"]
    assert one.keys() == other.keys()
    assert one["label"] == other["label"] and one["runner_up"] == other["runner_up"]
    assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


@pytest.mark.parametrize("model", ["model.onnx", "model.safetensors"])
def test_predict_of_an_exported_file_does_not_wait_for_torch(digits, exported, picture, model):
    code = (
        "import sys\nfrom kenspeckle.cli.main import main\n"
        f"main(['predict', {str(digits / model)!r}, {str(picture)!r}, '--json'])\n"
        "heavy = ('torch', 'scipy', 'matplotlib', 'sklearn', 'onnx')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1]
    assert loaded == "[]" if model == "model.onnx" else "torch" in loaded


def test_a_damaged_file_is_one_line(capsys, exported, picture, tmp_path):
    damaged = tmp_path / "m.onnx"
    damaged.write_bytes(exported.read_bytes()[:-100])
    assert main(["predict", str(damaged), str(picture)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ken: {damaged}: ") and len(error.splitlines()) == 1


def test_a_folder_that_is_not_there_is_told_before_the_proof(capsys, digits, tmp_path):
    target = tmp_path / "missing" / "m.onnx"
    assert main(["export", str(digits), "--out", str(target)]) == 1
    expected = f"ken: {target}: there is no folder {target.parent}; make it first\n"
    assert capsys.readouterr() == ("", expected)


def test_a_run_that_is_not_finished_is_told_as_everywhere(capsys, digits, tmp_path):
    unfinished = tmp_path / "run"
    shutil.copytree(digits, unfinished)
    (unfinished / "model.safetensors").unlink()
    assert main(["export", str(unfinished)]) == 1
    assert capsys.readouterr().err.startswith(f"ken: {unfinished}: no finished run here (missing")


def example(model, picture):
    """What the example says of `picture`, in a folder from which nothing of ours is found."""
    command = [sys.executable, "-P", str(EXAMPLE), str(model), str(picture)]
    return subprocess.run(command, cwd=picture.parent, capture_output=True, text=True)


def test_the_example_uses_a_file_without_kenspeckle(exported, picture):
    done = example(exported, picture)
    assert done.returncode == 0, done.stderr
    assert "kenspeckle" not in EXAMPLE.read_text().replace('["kenspeckle"]', "").split('"""')[2]
    label, share = done.stdout.split()
    assert label in "0123456789" and share.endswith("%")


def test_the_example_lays_what_is_transparent_on_white(exported, tmp_path):
    ink = np.random.default_rng(4).integers(0, 2, (8, 8)).astype(np.uint8) * 255
    hidden = np.stack([np.zeros_like(ink), np.zeros_like(ink), np.zeros_like(ink), ink], axis=-1)
    Image.fromarray(hidden).save(tmp_path / "hidden.png")
    Image.fromarray(255 - ink).save(tmp_path / "shown.png")
    said = [example(exported, tmp_path / f"{name}.png").stdout for name in ("hidden", "shown")]
    assert said[0] == said[1] != ""


def test_the_example_says_what_a_model_of_digits_takes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ink")
    settings = ["threads=1", "train.epochs=0", "train.steps=20"]
    run = ks.train("mnist", recipe="blink", settings=settings, out=folder / "run")
    made = ks.export(run, pictures=5)
    Image.new("L", (28, 28), 0).save(folder / "form.png")
    Image.new("RGB", (300, 200), "white").save(folder / "photo.jpg")
    assert example(made.path, folder / "form.png").returncode == 0
    done = example(made.path, folder / "photo.jpg")
    assert (done.returncode, done.stderr) == (1, f"{made.note}\n")
