"""`ken export`, and `ken predict` of what it writes, which never waits for torch."""

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
def exported(digits):
    assert main(["export", str(digits)]) == 0
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


def test_export_as_json_has_the_documented_keys(capsys, digits, tmp_path):
    code, found = document(capsys, "export", digits, "--out", tmp_path / "m.onnx")
    assert code == 0
    assert set(found) >= {"path", "max_difference", "disagreements", "paths"}
    assert found["path"] == str(tmp_path / "m.onnx") and found["disagreements"] == []
    assert found["max_difference"] < 1e-5 and found["split"] == "test"
    assert [path["compared"] > 0 for path in found["paths"]] == [True] * 4
    assert found["paths"][-1]["name"] == "server"


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


def test_the_example_lays_transparency_on_white_as_a_page_shows_it(exported, picture, tmp_path):
    opaque = Image.open(picture).convert("L").point(lambda level: 255 - level)
    opaque.save(tmp_path / "opaque.png")
    clear = Image.new("RGBA", opaque.size)  # all black, and nothing of it to be seen
    clear.putalpha(opaque.point(lambda level: 255 - level))
    clear.save(tmp_path / "clear.png")
    told = []
    for name in ("opaque.png", "clear.png"):
        command = [sys.executable, str(EXAMPLE), str(exported), str(tmp_path / name)]
        told.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told[0] == told[1]


def test_the_example_says_what_a_file_for_digits_takes(tmp_path):
    settings = ["threads=1", "train.epochs=0", "train.steps=2"]
    run = ks.train("mnist", recipe="blink", settings=settings, out=tmp_path / "run")
    assert main(["export", str(run.path)]) == 0
    for size, code in ((40, 1), (28, 0)):
        Image.new("L", (size, size)).save(tmp_path / "a.png")
        command = [sys.executable, str(EXAMPLE), str(run.path / "model.onnx"), "a.png"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith("it takes digits in the form of MNIST") == bool(code)
        assert "Traceback" not in done.stderr


def test_the_example_uses_a_file_without_kenspeckle(exported, picture, tmp_path):
    command = [sys.executable, str(EXAMPLE), str(exported), str(picture)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "kenspeckle" not in EXAMPLE.read_text().replace('["kenspeckle"]', "").split('"""')[2]
    label, share = done.stdout.split()
    assert label in "0123456789" and share.endswith("%")
