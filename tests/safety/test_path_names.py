"""Text in a file is never a path to write to: names from files stay inside of what is written."""

import json
import shutil
import sqlite3
from pathlib import Path

import good_files
import numpy as np
import pytest
import safetensors.torch
from PIL import Image

import kenspeckle as ks
from kenspeckle.cli.main import main

NAMES = ("../../escaped", "{outside}/escaped", "a/escaped", "..")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES[2:]]
SETTINGS = [part for setting in good_files.SETTINGS for part in ("--set", setting)]


def ken(*arguments, code=0):
    """1 where it is refused in one line."""
    assert main([str(argument) for argument in arguments]) == code


@pytest.fixture(scope="module", params=[*NAMES[:2], *SLOW])
def room(request, tmp_path_factory):
    """A folder with a table, a run and a model whose classes are called as paths."""
    root = tmp_path_factory.mktemp("paths")
    name = request.param.format(outside=root / "outside")
    here = root / "a" / "b"
    (here / "pictures").mkdir(parents=True)
    (root / "outside").mkdir()
    images = np.random.default_rng(0).integers(0, 256, (60, 16, 16), dtype=np.uint8)
    lines = ["path,label"]
    for number, image in enumerate(images):
        Image.fromarray(image).save(here / "pictures" / f"{number}.png")
        label = name if number % 2 else f"{name}2"
        lines.append(f'pictures/{number}.png,"{label}"')
    (here / "data.csv").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        ks.train("data.csv", settings=good_files.SETTINGS, out=here / "runs" / "run")
        yield root, name


def data(name):
    ken("data", "data.csv", "--out", "sheets")


def data_without_a_folder(name):
    ken("data", "data.csv")


def predict(name):
    ken("predict", "runs/run", "pictures/0.png", "--show", "sheet.png")


def evaluate(name):
    ken("evaluate", "runs/run")


def look(name):
    ken("look", "runs/run", "--what", "filters", "--out", "look")


def report(name):
    ken("report", "runs/run")


def review(name):
    ken("diagnose", "data.csv", "--review", "review.csv", *SETTINGS, "--set", "splits.folds=2")


def apply(name):
    """A reviewed file that names items and classes as paths."""
    row = f"{name},0123456789abcdef,{name},{name}2"
    Path("hostile.csv").write_text(f"item,check,label,correct\n{row}\n")
    ken("diagnose", "data.csv", "--review", "hostile.csv", "--apply", *SETTINGS, code=1)


def leaderboard(name):
    """A run log whose runs are called as paths."""
    shutil.copytree("runs", "listed")
    with sqlite3.connect("listed/log.sqlite") as log:
        log.execute("UPDATE runs SET run = ?", (name,))
    log.close()
    ken("runs", "listed", "--csv", "board.csv", code=1)
    ken("runs", "listed", "--diff", name, name, code=1)


def recipe(name):
    """A configuration whose recipe is called as a path."""
    text = Path("runs/run/config.toml").read_text()
    lines = [f"recipe = {json.dumps(name)}" if line.startswith("recipe =") else line
             for line in text.splitlines()]  # fmt: skip
    Path("config.toml").write_text("\n".join(lines))
    ken("train", "--config", "config.toml", code=1)


def source(name):
    """A configuration whose source is called as a path, and no folder to write to."""
    text = Path("runs/run/config.toml").read_text()
    lines = [f"source = {json.dumps(name)}" if line.startswith("source =") else line
             for line in text.splitlines()]  # fmt: skip
    Path("config.toml").write_text("\n".join(lines))
    ken("train", "--config", "config.toml", code=1)


def split(name):
    """A result with splits called as paths, which also name the files of predictions."""
    shutil.copytree("runs/run", "copied")
    result = json.loads(Path("copied/result.json").read_text())
    result[name] = next(iter(result.values()))
    Path("copied/result.json").write_text(json.dumps(result))
    ken("evaluate", "copied", code=1)
    ken("report", "copied", code=1)


def tensor(name):
    """A model file with a tensor called as a path."""
    tensors = safetensors.torch.load_file("runs/run/model.safetensors")
    tensors[name] = next(iter(tensors.values())).clone()
    safetensors.torch.save_file(tensors, "tensor.safetensors")
    ken("predict", "tensor.safetensors", "pictures/0.png", "--show", "tensor.png", code=1)


def array(name):
    """Arrays in predictions called as paths."""
    shutil.copytree("runs/run", "arrays")
    np.savez("arrays/predictions-validation.npz", **{name: np.zeros(3)})
    ken("diagnose", "arrays", code=1)


COMMANDS = (
    data, data_without_a_folder, predict, evaluate, look, review, apply, recipe, source, split,
    tensor, array, leaderboard, pytest.param(report, marks=pytest.mark.slow),
)  # fmt: skip


def files(root):
    """All that is there, but for what commands may write: below `a/b`, where they are run."""
    inside = root / "a" / "b"
    found = {path for path in root.rglob("*") if inside != path and inside not in path.parents}
    return found | {path for path in inside.rglob("*") if "escaped" in path.name}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_name_in_a_file_is_no_path(room, command):
    root, name = room
    before = files(root)
    command(name)
    assert files(root) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name != ".."])
def test_control_a_name_that_is_a_path_would_be_noticed(tmp_path, monkeypatch, name):
    here = tmp_path / "a" / "b"
    (here / "a").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(here)
    before = files(tmp_path)
    Path(name.format(outside=tmp_path / "outside")).write_text("")
    assert files(tmp_path) != before
