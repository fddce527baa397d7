"""Comparing recipes: verdicts, what they are about, and what is refused."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.cli.main import main
from kenspeckle.contest import Compared, comparing
from kenspeckle.errors import ConfigError, RunError
from kenspeckle.figures.style import png
from kenspeckle.many import ManyStarted
from kenspeckle.storage import is_locked

# one network that learns, and one that hardly does
QUICK = (*SMALL, "train.epochs=1")
SETTINGS = [part for setting in QUICK for part in ("--set", setting)]


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    """A run of a rate that is far too small; its configuration takes part under its path."""
    folder = tmp_path_factory.mktemp("slow") / "slow"
    return ks.train(bars(), settings=(*QUICK, "optimizer.rate=1e-6"), out=folder)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "good"
    return ks.train(bars(), settings=(*SMALL, "train.epochs=3"), out=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("contest") / "runs"


@pytest.fixture(scope="module")
def standing(good, worse, folder):
    return ks.compare(good.path, worse.path, source=bars(), seeds=4, out=folder)


def test_a_network_that_learned_nothing_is_told_to_be_worse(standing, good, worse):
    [pair] = standing.pairs
    assert pair.comparison.verdict == "worse"
    assert pair.verdict.startswith(f"{worse.path} is worse than {good.path} by ")
    assert standing.names[standing.order[0]] == str(good.path)


def test_the_claim_says_which_pictures_and_that_other_splits_were_not_tried(standing):
    expected = (
        "the claim is about other seeds of the same training pictures, told by the same "
        f"{standing.n} pictures (validation); other splits were not tried. For other seeds and "
        "other pictures of the kind, the difference is -"
    )
    assert standing.claim.startswith(expected)
    assert standing.claim.endswith("which is clear of zero")


def test_each_seed_of_a_comparison_is_the_run_that_train_makes(standing, folder, tmp_path, good):
    single = ks.train(
        bars(), settings=(*SMALL, "train.epochs=3", "threads=1"), seed=2, out=tmp_path / "run"
    )
    [found] = [path for path in folder.glob("*good/seed-002")]
    assert (found / "model.safetensors").read_bytes() == single.model_file.read_bytes()


def test_contenders_whose_names_differ_only_by_marks_have_folders_of_their_own(
    good, worse, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, run in (("one/a", good), ("one-a", worse)):
        shutil.copytree(run.path, name)
    found = ks.compare("one/a", "one-a", source=bars(), seeds=2, out="out")
    assert sorted(path.name for path in Path("out").glob("one*")) == ["one-a", "one-a-2"]
    assert found.accuracies[0] != found.accuracies[1]


def test_a_repeat_trains_nothing_and_says_the_same(standing, good, worse, folder):
    events = list(comparing([good.path, worse.path], source=bars(), seeds=4, out=folder))
    [started] = [event for event in events if isinstance(event, ManyStarted)]
    assert (started.kept, started.runs) == (8, 8)
    assert events[-1].standing == standing


def test_two_seeds_of_the_same_runs_claim_nothing(standing, good, worse, folder):
    found = ks.compare(good.path, worse.path, source=bars(), seeds=2, out=folder)
    assert found.pairs[0].verdict == (
        f"{worse.path} and {good.path} are not distinguishable: 2 seeds can claim nothing, "
        "at least 3 are needed"
    )


def test_auto_stops_at_the_first_seeds_that_tell_them_apart(standing, good, worse, folder):
    found = ks.compare(good.path, worse.path, source=bars(), seeds="auto", most=8, out=folder)
    comparison = found.pairs[0].comparison
    assert comparison.verdict == "worse"
    assert found.seeds < 8 and comparison.planned == 8


def test_auto_that_is_stopped_early_says_where_it_is_and_claims_nothing(good, worse, tmp_path):
    events = comparing(
        [good.path, worse.path], source=bars(), seeds="auto", out=tmp_path, stop=lambda: True
    )
    last = list(events)[-1]
    assert isinstance(last, Compared)
    assert last.standing is None and last.ended.state == "interrupted"


def test_the_test_split_is_opened_only_when_asked_and_counted(standing, good, worse, folder):
    assert standing.openings == 0
    found = ks.compare(good.path, worse.path, source=bars(), seeds=3, split="test", out=folder)
    assert (found.split, found.openings) == ("test", 1)
    again = ks.compare(good.path, worse.path, source=bars(), seeds=3, split="test", out=folder)
    assert again.openings == 2


def test_a_standing_draws_itself_and_describes_what_is_seen(standing):
    assert png(standing.figure()).startswith(b"\x89PNG")
    assert "is worse than" in standing.description


def test_groups_hold_who_cannot_be_told_apart(standing):
    assert len(standing.groups) == 2
    [pair] = standing.pairs
    equal = replace(pair.comparison, second=pair.comparison.first)
    alike = replace(standing, pairs=(replace(pair, comparison=equal),))
    assert len(alike.groups) == 1  # the control: without a difference they share one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"seeds": "auto", "most": 2}, "at least 3 seeds are needed to claim anything, got 2"),
    ],
)
def test_a_number_of_seeds_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ConfigError) as error:
        ks.compare("swift", "blink", source=bars(), **options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("swift",), "two recipes or run folders are needed to compare, got 1"),
        (("swift", "swift"), "swift is given twice; a configuration is equal to itself"),
        (("swift", "blnk"), "unknown recipe 'blnk'; did you mean 'blink'?"),
    ],
)
def test_contenders_that_make_no_sense_are_refused(names, message, tmp_path):
    with pytest.raises(ConfigError) as error:
        ks.compare(*names, source=bars(), settings=QUICK, out=tmp_path)
    assert str(error.value).startswith(message)


def test_contenders_that_split_differently_are_refused(good, tmp_path):
    other = ks.train(bars(), settings=(*QUICK, "splits.validation=0.3"), out=tmp_path / "other")
    with pytest.raises(ConfigError, match="split the pictures differently; give both the same"):
        ks.compare(good.path, other.path, source=bars(), out=tmp_path / "runs")


def test_a_seed_that_fails_is_not_left_out(good, tmp_path):
    bad = ks.train(bars(), settings=QUICK, out=tmp_path / "bad")
    text = (bad.path / "config.toml").read_text().replace("rate = 0.01", "rate = 1e30")
    (bad.path / "config.toml").write_text(text)
    with pytest.raises(RunError, match=r"seed-000: .*lower optimizer.rate"):
        ks.compare(good.path, bad.path, source=bars(), seeds=1, out=tmp_path / "runs")


def test_compare_as_json_has_the_documented_keys(capsys, tmp_path):
    out = tmp_path / "runs"
    command = ["compare", "swift", "blink", "digits", "--seeds", "3", "--out", str(out)]
    capsys.readouterr()
    assert main([*command, *SETTINGS, "--figure", str(tmp_path / "d.png"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found) >= {"difference", "interval", "verdict", "seeds"}
    assert found["verdict"] in ("better", "worse", "not distinguishable")
    low, high = found["interval"]
    assert low <= found["difference"] <= high and found["seeds"] == 3
    assert found["difference"] == pytest.approx(np.mean(found["pairs"][0]["differences"]))
    assert (tmp_path / "d.png").is_file()


def test_compare_without_a_source_says_what_to_write(capsys):
    assert main(["compare", "swift", "blink"]) == 1
    expected = "ken: name two recipes or run folders and a source: swift blink mnist\n"
    assert capsys.readouterr().err == expected


def test_compare_refuses_seeds_that_are_no_number(capsys):
    assert main(["compare", "swift", "blink", "digits", "--seeds", "few"]) == 1
    assert capsys.readouterr().err == "ken: --seeds must be a number or auto, got 'few'\n"


def test_ctrl_c_stops_all_workers_and_the_same_command_goes_on(tmp_path):
    out = tmp_path / "runs"
    long = ["--set", "train.epochs=60", "--set", "train.checkpoint_seconds=0.1"]
    command = [sys.executable, "-m", "kenspeckle.cli.main", "compare", "swift", "blink", "digits"]
    command += ["--seeds", "1", "--out", str(out), *SETTINGS, *long]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while not list(out.glob("*/*/checkpoints")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
    assert process.returncode == 130
    assert said.endswith("the same command goes on\n")
    assert not any(is_locked(lock) for lock in out.glob("*/*/.lock"))
    assert list(out.glob("*/*/checkpoints"))
