"""`ken train --seeds`: one recipe with many seeds, and what is told of them."""

import json
from dataclasses import replace

import pytest
from conftest import SMALL

from kenspeckle.cli.main import main
from kenspeckle.cli.train_seeds import train_seeds
from kenspeckle.evaluation.intervals import student
from kenspeckle.recipes.choice import choose

SETTINGS = [part for setting in SMALL for part in ("--set", setting)]
COMMAND = ["train", "digits", *SETTINGS, "--seeds", "3", "--out", "set"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which three seeds were trained."""
    folder = tmp_path_factory.mktemp("seeds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*COMMAND]) == 0
    return folder


def test_the_document_has_every_seed_and_the_interval_over_them(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    assert main([*COMMAND, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    results = [json.loads((trained / run / "result.json").read_text()) for run in said["runs"]]
    accuracies = [result["validation"]["accuracy"] for result in results]
    assert said["runs"] == [f"set/seed-{seed:03d}" for seed in range(3)]
    assert (said["seeds"], said["state"], said["failed"]) == (3, "finished", {})
    assert said["validation"]["accuracies"] == accuracies
    assert said["validation"]["accuracy"] == pytest.approx(sum(accuracies) / 3)
    interval = student(accuracies)
    assert said["validation"]["interval_over_seeds"] == [interval.low, interval.high]


def test_a_repeat_keeps_the_runs_and_tells_the_mean_and_what_it_is_about(
    trained, monkeypatch, capsys
):
    monkeypatch.chdir(trained)
    models = [path.stat().st_mtime_ns for path in sorted(trained.rglob("model.safetensors"))]
    assert main([*COMMAND]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 runs, 3 of them kept from before" in said
    assert "on the average of 3 seeds" in said and "for other seeds on the same" in said
    assert said.endswith("list them: ken runs set")
    assert all(f"set/seed-{seed:03d}" in said for seed in range(3))
    kept = [path.stat().st_mtime_ns for path in sorted(trained.rglob("model.safetensors"))]
    assert kept == models


def test_a_seed_that_fails_is_told_and_the_exit_code_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    broken = ["--set", "optimizer.name=sgd", "--set", "optimizer.rate=1e30"]
    assert main([*COMMAND, *broken, "--set", "model.norm=none", "--json"]) == 1
    said = capsys.readouterr()
    assert "ken: 3 of 3 runs failed" in said.err
    assert all("not finite" in reason for reason in json.loads(said.out)["failed"].values())


def test_what_was_decided_about_the_settings_is_told_once(tmp_path, monkeypatch, capsys):
    choice = choose("digits", settings=["train.steps=3", "train.epochs=0", "threads=1"])
    told = replace(choice, notes=("something was decided here",))
    monkeypatch.chdir(tmp_path)
    assert train_seeds(lambda progress: told, 2, out=None, json=False) == 0
    assert capsys.readouterr().out.count("note: something was decided here") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0"], "--seeds must be 1 or more, got 0"),
        (
            ["--seeds", "2", "--seed", "1"],
            "--seed is for one run, --seeds for several; leave out one of them",
        ),
        (
            ["--seeds", "2", "--resume", "run"],
            "--resume goes on with one run; with --seeds, the same command with the same --out "
            "goes on with all",
        ),
    ],
)
def test_seeds_that_make_no_sense_are_refused_in_one_line(arguments, words, capsys):
    assert main(["train", *arguments]) == 1
    assert capsys.readouterr().err == f"ken: {words}\n"
