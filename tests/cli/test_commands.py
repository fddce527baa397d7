"""The commands as a user types them: output, errors, exit codes, JSON."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL
from PIL import Image

import kenspeckle as ks
from kenspeckle.cli.main import main
from kenspeckle.pages.text import duration, share
from kenspeckle.views.sparkline import sparkline

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    """A small network on scikit-learn's digits, trained through the command line."""
    path = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", "digits", "--out", str(path), "--seed", "3", *SETTINGS]) == 0
    return path


def output(capsys, *arguments):
    """What a command prints, its exit code and its error."""
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def document(capsys, *arguments):
    code, out, _ = output(capsys, *arguments, "--json")
    return code, json.loads(out.splitlines()[-1])


def test_train_prints_what_it_does_and_what_to_do_next(capsys, tmp_path):
    code, out, err = output(capsys, "train", "digits", "--out", tmp_path / "run", *SETTINGS)
    assert code == 0 and err == ""
    lines = out.splitlines()
    assert lines[0].endswith("recipe swift on digits, seed 0")
    assert "note: pictures of 8 x 8 are scaled to 28 x 28 (preprocess.least)" in lines
    assert sum("(95 % interval)" in line for line in lines) == 1
    assert lines[-2] == f"test it once: ken evaluate {tmp_path / 'run'}"
    assert lines[-1].startswith("temperature ") and "n=" in lines[-1]


def test_a_taken_folder_is_refused_before_the_data_is_read(capsys, digits_run, tmp_path):
    _, _, control = output(capsys, "train", "no-such-source", "--out", tmp_path / "free")
    assert "no-such-source" in control
    _, _, err = output(capsys, "train", "no-such-source", "--out", digits_run)
    assert err.startswith(f"ken: {digits_run}: there is a run here already; choose another --out")
    (tmp_path / "notes.txt").touch()
    _, _, err = output(capsys, "train", "no-such-source", "--out", tmp_path)
    assert err == (
        f"ken: {tmp_path}: not empty and no run (notes.txt is in it); choose another --out\n"
    )


def test_train_as_json_has_the_documented_keys(capsys, tmp_path):
    path = tmp_path / "run"
    code, found = document(capsys, "train", "digits", "--out", path, *SETTINGS)
    assert code == 0
    assert set(found) >= {
        "run", "recipe", "seed", "epochs", "steps", "train_seconds", "total_seconds", "device",
        "precision", "model", "validation",
    }  # fmt: skip
    assert (found["run"], found["epochs"], found["recipe"]) == (str(path), 3, "swift")
    low, high = found["validation"]["interval"]
    assert low < found["validation"]["accuracy"] <= high


def test_evaluate_as_json_has_the_documented_keys(capsys, digits_run):
    code, found = document(capsys, "evaluate", digits_run)
    assert code == 0
    assert set(found) >= {
        "run", "split", "n", "accuracy", "interval", "nll", "top_k", "per_class", "openings",
    }  # fmt: skip
    assert found["split"] == "test" and found["openings"] == 1
    assert [row["name"] for row in found["per_class"]] == list("0123456789")


def test_evaluate_says_what_each_number_is_and_that_test_was_opened(capsys, digits_run, tmp_path):
    run = shutil.copytree(digits_run, tmp_path / "run")
    (run / "result.json").write_text(
        json.dumps({"validation": json.loads((run / "result.json").read_bytes())["validation"]})
    )
    _, out, _ = output(capsys, "evaluate", run)
    words = " ".join(out.split())
    assert "(untouched)" in out and ", 95 % Wilson interval" in words
    told = json.loads((run / "result.json").read_bytes())["validation"]["temperature"]["value"]
    assert f"log-loss ({'unscaled' if told == 1 else 'scaled'}) " in words
    for name in ("macro F1", "AUROC", "log-loss", "Brier score", "calibration error"):
        assert sum(line.startswith(f"{name} ") for line in out.splitlines()) == 1
    assert "studentised bootstrap" in out
    assert "it is no longer untouched: what is chosen by these numbers needs other data" in words
    assert "(fitted on validation): hold the class in" in words
    _, again, _ = output(capsys, "evaluate", run)
    assert "it is no longer untouched" not in again


def test_evaluate_warns_when_the_test_split_was_opened_before(capsys, digits_run):
    output(capsys, "evaluate", digits_run)
    _, out, _ = output(capsys, "evaluate", digits_run)
    assert "choices made after the first look make this number too good" in out


def test_evaluate_says_that_it_measured_all_of_other_data(capsys, digits_run, tmp_path):
    images, labels = tmp_path / "images-idx3-ubyte", tmp_path / "labels-idx1-ubyte"
    images.write_bytes(struct.pack(">4I", 0x803, 5, 28, 28) + bytes(range(245)) * 16)
    labels.write_bytes(struct.pack(">2I", 0x801, 5) + bytes([0, 1, 2, 2, 1]))
    _, out, _ = output(capsys, "evaluate", digits_run, images)
    lines = " ".join(out.split())
    assert lines.startswith(f"{digits_run}, all of {images} (other data)")
    assert "9 0 - - 0.00 to 100.00" in lines
    code, found = document(capsys, "evaluate", digits_run, images)
    assert (code, found["split"], found["n"], found["openings"]) == (0, "all", 5, 0)
    assert found["per_class"][9]["recall"] is None


def test_a_flag_wins_over_a_configuration_file(capsys, digits_run, tmp_path):
    arguments = ["train", "--config", digits_run / "config.toml", "--seed", "9"]
    code, found = document(capsys, *arguments, "--out", tmp_path / "run")
    assert code == 0 and found["seed"] == 9
    assert ks.open_run(tmp_path / "run").config.source == "digits"


def picture(path, digit=255):
    image = np.zeros((40, 40), dtype=np.uint8)
    image[8:32, 18:22] = digit
    Image.fromarray(image).save(path)
    return path


def test_predict_names_files_folders_and_globs_once(capsys, digits_run, tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    names = [tmp_path, tmp_path / "*.png", tmp_path / "a.png"]
    code, found = document(capsys, "predict", digits_run, *names)
    assert code == 0
    assert [Path(item["path"]).name for item in found["predictions"]] == ["a.png", "b.JPG"]
    for item in found["predictions"]:
        assert item["error"] is None and 0 < item["probability"] <= 1
        assert item["label"] in "0123456789" and item["runner_up"] != item["label"]


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(capsys, digits_run, tmp_path):
    good, bad = picture(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    code, found = document(capsys, "predict", digits_run, bad, good)
    assert code == 1
    first, second = found["predictions"]
    assert "damaged picture" in first["error"] and first["label"] is None
    assert second["error"] is None


@pytest.mark.parametrize(
    ("flags", "shown"),
    [([], r"\xff.png"), (["--json"], r"\udcff.png")],
    ids=["table", "JSON"],
)
def test_a_path_that_is_no_utf_8_does_not_stop_the_output(digits_run, tmp_path, flags, shown):
    path = picture(tmp_path / "\udcff.png")
    done = subprocess.run(
        [sys.executable, "-m", "kenspeckle.cli.main", "predict", digits_run, path, *flags],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout.replace("\n", "")


def test_predict_escapes_what_a_path_would_do_to_a_terminal(capsys, digits_run, tmp_path):
    path = picture(tmp_path / "a\n\x1b[31mred\u202e.png")
    code, out, _ = output(capsys, "predict", digits_run, path)
    assert code == 0 and "\x1b" not in out and "\u202e" not in out
    assert r"a\x0a\x1b[31mred\xe2\x80\xae.png" in out.replace("\n", "")


def test_predict_uses_a_model_file_alone(capsys, digits_run, tmp_path):
    model = tmp_path / "elsewhere.safetensors"
    model.write_bytes((digits_run / "model.safetensors").read_bytes())
    code, found = document(capsys, "predict", model, picture(tmp_path / "a.png"))
    assert code == 0 and found["predictions"][0]["label"] in "0123456789"


def test_predict_shows_what_the_network_saw(capsys, digits_run, tmp_path):
    sheet = tmp_path / "sheet.png"
    code, out, _ = output(
        capsys, "predict", digits_run, picture(tmp_path / "a.png"), "--show", sheet
    )
    assert code == 0 and f"wrote {sheet}" in " ".join(out.split())
    with Image.open(sheet) as image:
        assert image.size[0] > 200 and len(image.getcolors(100_000)) > 2


def test_runs_lists_the_best_first(capsys, digits_run):
    code, found = document(capsys, "runs", digits_run.parent)
    assert code == 0
    scores = [row["validation_accuracy"] for row in found["runs"]]
    assert scores == sorted(scores, reverse=True)
    code, out, _ = output(capsys, "runs", digits_run.parent)
    assert "finished" in out and "swift" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "mnits"], 1, "unknown source 'mnits'; did you mean 'mnist'?"),
        (["train", "--recipe", "swfit"], 1, "unknown recipe 'swfit'; did you mean 'swift'?"),
        (["train", "--set", "trian.epochs=3"], 1, "unknown setting 'trian.epochs'"),
        (["train", "--set", "train.epoch=3"], 1, "did you mean 'train.epochs'?"),
        (["train", "--config", "none.toml"], 1, "none.toml: cannot be read as a configuration"),
        (["train", "--resume", "nowhere"], 1, "nowhere: no run here (missing config.toml)"),
        (["train", "--resume", "x", "--seed", "1"], 1, "--resume takes everything from the run"),
        (["train", "--config", "a", "--recipe", "mlp"], 1, "--config and --recipe exclude each"),
        (["train", "--epochs", "3"], 2, "--epochs"),
        (["evaluate", "nowhere"], 1, "nowhere: no run here"),
        (
            ["evaluate", "nowhere", "--split", "val"],
            2,
            'Choose from: "train", "validation", "test"',
        ),
        (["predict", "nowhere", "a.png"], 1, "nowhere: cannot be read"),
        (["runs", "nowhere"], 1, "nowhere: no run log here (missing log.sqlite)"),
        (["report", "nowhere"], 1, "nowhere: no run here (missing config.toml)"),
        (["tarin"], 2, 'Unknown command "tarin". Did you mean "train"? See `ken --help`'),
        (["doctor"], 2, 'Unknown command "doctor"; see `ken --help`'),
        (["export", "x", "--to", "y"], 2, '"pt2"; see `ken export --help`'),
        (["train", "--set", "device=cuda"], 1, "device cuda is not available here"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(capsys, tmp_path, monkeypatch, arguments,
                                                    code, message):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    got, _, err = output(capsys, *arguments)
    assert got == code
    assert message in err
    assert err.startswith("ken: ") and len(err.splitlines()) == 1


def test_predict_without_pictures_says_so(capsys, digits_run):
    code, _, err = output(capsys, "predict", digits_run)
    assert code == 1 and "no pictures given" in err


def test_predict_says_what_it_leaves_out_of_a_folder(capsys, digits_run, tmp_path):
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    Image.new("L", (28, 28), 200).save(folder / "below" / "one.png")
    _, control, _ = output(capsys, "predict", digits_run, folder)
    assert "not used" not in control
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.png")
    (folder / "notes.txt").touch()
    (folder / "more.txt").touch()
    (folder / "linked").symlink_to(folder / "below")
    _, out, _ = output(capsys, "predict", digits_run, folder)
    last = out.splitlines()[-1]
    assert last.startswith("note: 5 files are not used: 2 not-a-picture, ")
    assert sorted(last.partition("2 ")[2].split(", ")[1:]) == [
        "1 broken-link", "1 link to a folder", "1 special",
    ]  # fmt: skip
    shutil.copy(folder / "below" / "one.png", folder / "two.png")
    _, found = document(capsys, "predict", digits_run, f"{folder}/*.png")
    assert len(found["predictions"]) == 1
    assert found["excluded"] == [
        {"path": str(folder / "gone.png"), "reason": "broken-link"},
        {"path": str(folder / "pipe.png"), "reason": "special"},
    ]


def test_predict_of_a_name_that_matches_nothing_says_so(capsys, digits_run):
    code, _, err = output(capsys, "predict", digits_run, "no-such-*.png")
    assert code == 1 and "no-such-*.png: no such picture" in err


@pytest.mark.parametrize(
    "command",
    [
        "ken",
        "ken train",
        "ken evaluate",
        "ken predict",
        "ken report",
        "ken runs",
        "ken search",
        "ken look",
        "ken reproduce",
        "ken data",
        "ken compare",
        "ken diagnose",
        "ken export",
    ],
)
def test_the_help_is_the_documented_one(command):
    # in a process of its own: another test may have made the console, with a width of its own
    done = subprocess.run(
        [sys.executable, "-m", "kenspeckle.cli.main", *command.split()[1:], "--help"],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    golden = GOLDEN / f"{command.replace(' ', '-')}.txt"
    assert done.returncode == 0
    assert done.stdout == golden.read_text(encoding="utf-8"), (
        f"if meant, write the new help to {golden}"
    )


def test_a_command_has_few_flags():
    for golden in GOLDEN.glob("*.txt"):
        flags = {word for word in golden.read_text().split() if word.startswith("--")}
        assert len(flags - {"--help", "--version"}) <= 10  # `ken train`; all others have fewer


def test_the_console_script_works_from_a_shell(tmp_path):
    program = [sys.executable, "-m", "kenspeckle.cli.main", "runs", "nowhere"]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("ken: nowhere: no run log here")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3.21, "3.2 s"), (59.9, "59.9 s"), (65, "1 min 05 s"), (3599, "59 min 59 s"),
     (7800, "2 h 10 min")],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds, text):
    assert duration(seconds) == text


def test_a_share_carries_its_interval_and_its_n():
    assert share(0.9924, 0.9905, 0.9939, 10_000) == "99.24 % (99.05 to 99.39, n=10,000)"


def test_a_sparkline_falls_as_its_values_fall():
    line = sparkline([float(value) for value in range(64, 0, -1)], 8)
    assert line == "█▇▆▅▄▃▂▁"
    assert sparkline([], 8) == ""
    assert sparkline([1.0, 1.0], 8) == "▁▁"


def test_look_prints_the_layers_of_a_network_by_name(capsys):
    code, out, _ = output(capsys, "look", "vgg-mnist", "--summary")
    assert code == 0
    assert "32 x 32 x 64" in out
    assert "8,388,608" in out and "16,067,786" in out


def test_look_as_json_has_the_layers_of_a_run(capsys, digits_run):
    _, found = document(capsys, "look", digits_run, "--summary")
    names = [layer["name"] for layer in found["layers"]]
    assert names[0] == "scale" and names[-1] == "head"
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])


def test_look_takes_a_size(capsys):
    _, found = document(capsys, "look", "resnet-18-photo", "--summary", "--size", "3x64x96")
    assert found["input"] == [3, 64, 96]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["look", "vgg-15", "--summary"], "unknown model 'vgg-15'; did you mean 'vgg-16'?"),
        (["look", "vgg-16"], "vgg-16: no run here (missing config.toml); start one with"),
        (["look", "vgg-16", "--summary", "--size", "9"], "--size must be CHANNELSxHEIGHTxWIDTH"),
        (["look", "softmax", "--summary", "--classes", "0"], "--classes must be at least 1, got 0"),
        (["search", "digits", "--trials", "0"], "--trials must be at least 1, got 0"),
        (["reproduce", "softmx"], "unknown experiment 'softmx'; did you mean 'softmax'?"),
        (["reproduce", "softmax", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["reproduce", "softmax", "--all"], "--all and names exclude each other"),
        (["train", "--model", "vgg"], "unknown model 'vgg'"),
    ],
)
def test_a_mistake_in_looking_or_reproducing_is_one_line(capsys, arguments, message):
    code, _, err = output(capsys, *arguments)
    assert code == 1
    assert err.startswith(f"ken: {message}")
    assert len(err.splitlines()) == 1


def test_reproduce_lists_the_experiments(capsys):
    code, out, _ = output(capsys, "reproduce")
    assert code == 0
    assert "002, Understanding TensorFlow" in out and "counting-50" in out


def test_reproduce_writes_a_page_and_a_document(capsys, tmp_path):
    folder = tmp_path / "record"
    settings = ["--set", "threads=1"]
    arguments = ["reproduce", "optimizers", "softmax", "--quick", *settings, "--out", folder]
    _, found = document(capsys, *arguments)
    assert [item["name"] for item in found["experiments"]] == ["softmax", "optimizers"]
    assert (folder / "reproduction.html").read_text().count("<section") == 2
    assert (folder / "reproduction.md").is_file()
