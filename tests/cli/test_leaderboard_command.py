"""`ken runs`: filtered, sorted, by recipe, compared, marked, exported."""

import csv
import json
from pathlib import Path

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import runlog
from kenspeckle.cli.main import main
from kenspeckle.runlog import LogRow


def row(name, accuracy=None, *, recipe="swift", seed=0, seconds=1.0, status="finished"):
    return LogRow(
        run=name, started="2026-01-01T00:00:00+00:00", source="mnist", recipe=recipe, seed=seed,
        status=status, train_seconds=seconds, validation_accuracy=accuracy, validation_n=100,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for each in (
        row("a", 0.90, seed=0, seconds=3),
        row("b", 0.94, seed=1, seconds=1),
        row("c", 0.99, recipe="blink", seconds=2),
        row("d", status="interrupted"),
    ):
        runlog.record(tmp_path, each)
    return tmp_path


def listed(capsys, folder, *arguments):
    assert main(["runs", str(folder), *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def names(found):
    return "".join(each["run"] for each in found["runs"])


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        (["accuracy>0.9"], "cb"),
        (["accuracy >= 0.9"], "cba"),
        (["recipe==swift"], "bad"),
        (["recipe!=swift"], "c"),
        (["accuracy<0.99", "seconds<2"], "b"),
        (["status==interrupted"], "d"),
        (["validation_accuracy==0.94"], "b"),
        (["test>0"], ""),
    ],
)
def test_only_runs_of_which_the_conditions_hold_are_listed(capsys, folder, conditions, left):
    flags = [part for text in conditions for part in ("--where", text)]
    assert names(listed(capsys, folder, *flags)) == left


@pytest.mark.parametrize(
    ("key", "order"),
    [("seconds", "dbca"), ("seconds:down", "acbd"), ("accuracy", "abcd"), ("run:down", "dcba")],
)
def test_runs_are_sorted_by_a_column_and_the_unknown_come_last(capsys, folder, key, order):
    found = names(listed(capsys, folder, "--sort", key))
    if key.startswith("seconds"):  # b and d both took a second
        found, order = found.replace("d", ""), order.replace("d", "")
    assert found == order


def test_groups_have_mean_and_deviation_over_seeds(capsys, folder):
    found = listed(capsys, folder, "--group")
    first, second = found["groups"]
    assert (first["recipe"], first["runs"], first["deviation"]) == ("blink", 1, None)
    assert (second["recipe"], second["runs"], second["seeds"]) == ("swift", 2, 2)
    assert second["accuracy"] == pytest.approx(0.92)
    assert second["deviation"] == pytest.approx(0.0282843, abs=1e-6)
    assert main(["runs", str(folder), "--group"]) == 0
    out = capsys.readouterr().out
    assert "92.00% (sd 2.83)" in out and "1 runs that are not finished are left out" in out


def test_a_mark_stays_when_the_run_is_logged_again_until_it_is_taken_away(capsys, folder):
    assert listed(capsys, folder, "--mark", "a=keep")["runs"][2]["mark"] == "keep"
    runlog.record(folder, row("a", 0.95))
    assert names(listed(capsys, folder, "--where", "mark==keep")) == "a"
    assert main(["runs", str(folder)]) == 0
    assert "keep" in capsys.readouterr().out
    assert names(listed(capsys, folder, "--mark", "a=", "--where", "mark==keep")) == ""


def test_a_log_of_before_there_were_marks_is_read(folder):
    assert {each.mark for each in runlog.rows(folder)} == {""}
    assert not (folder / "marks").exists()


def test_csv_reads_back_and_holds_no_formula(capsys, folder, tmp_path):
    runlog.record(folder, row("=1+1", 0.5))
    target = tmp_path / "runs.csv"
    listed(capsys, folder, "--csv", str(target), "--sort", "run")
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [each["run"] for each in rows] == ["'=1+1", "a", "b", "c", "d"]
    assert (rows[1]["validation_accuracy"], rows[4]["validation_accuracy"]) == ("0.9", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--where", "accuracy"], "expected COLUMN, one of == != > >= < <=, and a value, got "
         "'accuracy'; for example accuracy>0.99"),
        (["--where", "acuracy>1"], "unknown column 'acuracy'; did you mean 'accuracy'?"),
        (["--where", "accuracy>high"], "accuracy is a number, and 'high' is none"),
        (["--where", "recipe>a"], "recipe is text, which == and != compare, got 'recipe>a'"),
        (["--where", "__class__==a"], "unknown column '__class__'"),
        (["--sort", "speed"], "unknown column 'speed'"),
        (["--sort", "seconds:left"], "expected seconds:up or seconds:down, got 'seconds:left'"),
        (["--mark", "a"], "expected RUN=WORD, or RUN= for none, got 'a'"),
        (["--mark", "x=good"], "no run 'x' in the log"),
        (["--mark", "a=two words"], "a mark is one word of at most 40 letters, digits and . + -"),
        (["--diff", "a", "b"], "a: no finished run here (missing config.toml)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(capsys, folder, arguments, message):
    assert main(["runs", str(folder), *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two runs on the same pictures, and one on others."""
    out = tmp_path_factory.mktemp("pair")
    for name, data, settings in (
        ("good", bars(), ()),
        ("bad", bars(), ("optimizer.rate=0.0001",)),
        ("other", bars(seed=1), ()),
    ):
        ks.train(data, settings=(*SMALL, *settings), out=out / name)
    return out


def test_two_runs_are_compared_by_settings_and_on_the_same_items(capsys, pair):
    found = listed(capsys, pair, "--diff", "bad", "good")
    assert found["settings"] == {"optimizer.rate": [0.0001, 0.01]}
    [result] = found["results"]
    assert result["split"] == "validation" and result["is_paired"]
    one, other = (ks.open_run(pair / name).result["validation"] for name in ("bad", "good"))
    assert result["gap"]["difference"] == pytest.approx(other["accuracy"] - one["accuracy"])
    assert main(["runs", str(pair), "--diff", str(pair / "bad"), "good"]) == 0
    out = capsys.readouterr().out
    assert "optimizer.rate" in out and "on the same items" in out


def test_runs_on_other_pictures_are_not_paired(capsys, pair):
    found = listed(capsys, pair, "--diff", "other", "good")
    assert "data" in found["facts"] and found["settings"] == {}
    assert not found["results"][0]["is_paired"]


def test_no_test_split_is_opened_by_comparing(pair, capsys):
    listed(capsys, pair, "--diff", "good", "bad")
    for name in ("good", "bad"):
        assert set(json.loads(Path(pair / name / "result.json").read_text())) == {"validation"}


def test_what_does_not_go_with_a_difference_is_refused(capsys, tmp_path):
    assert main(["runs", str(tmp_path), "--group", "--diff", "a", "b"]) == 1
    assert "--diff is about two runs alone; leave out --group" in capsys.readouterr().err
