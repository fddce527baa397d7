"""`ken search` as a user types it, and its figures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SMALL

from kenspeckle.cli.main import main
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.evaluation.difference import independent_difference
from kenspeckle.searching.records import Score, SearchHistory, SettingImportance, Trial

sys.path.append(str(Path(__file__).parents[1] / "figures"))
from figure_checks import drawn, smallest_letters, texts

FIXED = [part for setting in SMALL for part in ("--try", setting)]


def test_a_search_prints_a_leaderboard_and_ends_with_json(capsys, tmp_path):
    arguments = ["search", "digits", str(tmp_path / "s"), *FIXED, "--method", "grid"]
    arguments += ["--try", "optimizer.rate=0.001,0.01"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "grid search from recipe swift on digits, at most 2 trials" in out
    assert "optimizer.rate = 0.001,0.01" in out and "opened once" in out
    assert "optimism: the score that won is" in out
    assert (tmp_path / "s" / "history.png").is_file()
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found) >= {"folder", "state", "trials", "best", "winner", "importance", "seconds"}
    assert sorted(found["leaderboard"]) == [1, 2]
    assert found["winner"]["openings"] == 1
    assert found["leaderboard"][0] == found["best"]["number"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--try", "optimizer.rat=1,2"], "unknown setting 'optimizer.rat'"),
        (["--try", "rate"], "expected KEY=a,b,c or KEY=low..high(log), got 'rate'"),
        (["--space", "none.toml"], "none.toml: cannot be read as a space"),
        (["--method", "grid"], "a grid needs values to try; give them"),
        (["--trials", "-1"], "--trials must be at least 1, got -1"),
        (["--storage", "postgres"], "postgres is no database URL, such as postgresql://"),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, arguments, message):
    assert main(["search", "digits", str(tmp_path / "s"), *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("user:s3cret@host/name", "host/name is no database URL, such as postgresql://"),
        ("postgresql://user:s3@cret@host/name", "the postgresql URL of the storage has more than "
         "one @; write one in a user or password as %40"),
        ("postgresql://user:s3cret", "the postgresql URL of the storage cannot be read; expected "
         "postgresql://user@host:port/name"),
        ("postgres://user:s3cret@host/name", "no database 'postgres' is known; give a URL such as "
         "postgresql://user@host/name"),
        ("postgresql://user:s3cret@host/name", "the postgresql storage needs the driver psycopg2, "
         "which is not installed; pip install psycopg2-binary"),
    ],
)  # fmt: skip
def test_a_url_of_no_use_is_one_line_without_its_password(
    capsys, monkeypatch, tmp_path, url, message
):
    for driver in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, driver, None)  # as where it is not installed
    assert main(["search", "digits", str(tmp_path / "s"), "--storage", url]) == 1
    out, err = capsys.readouterr()
    assert message in err and len(err.splitlines()) == 1
    assert "s3" not in out + err and "cret" not in out + err


def test_without_optuna_the_extra_is_named(tmp_path):
    (tmp_path / "optuna.py").write_text("raise ImportError('not here')")
    done = subprocess.run(
        [sys.executable, "-m", "kenspeckle.cli.main", "search", "digits", tmp_path / "s"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "ken: searching needs Optuna, which is not installed; pip install 'kenspeckle[search]'\n"
    )


def trial(number, accuracy, outcome="done"):
    score = Score(accuracy=accuracy, n=100, interval=Interval(low=0.0, high=1.0))
    return Trial(number=number, settings={}, outcome=outcome, score=score, seconds=1.0)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_course_of_a_search_is_drawn(count):
    trials = [trial(number, 0.9 + 0.001 * number) for number in range(1, count + 1)]
    record = SearchHistory(trials=(*trials, trial(count + 1, 0.1, "pruned")))
    figure = drawn(record)
    assert {"trial", "validation accuracy, %"} <= set(texts(figure))
    assert smallest_letters(figure) >= 8
    assert f"{count + 1} trials ({count} done, 1 pruned)" in record.description


@pytest.mark.parametrize("count", [2, 30])
def test_what_mattered_is_drawn(count):
    shares = {f"train.a_setting_of_a_long_name_{n}": (n + 1) / count for n in range(count)}
    figure = drawn(SettingImportance(shares=shares, n=20))
    assert smallest_letters(figure) >= 8


def test_the_interval_of_a_difference_is_that_of_newcombe():
    """Newcombe 1998, table II: 56/70 against 48/80, method 10."""
    found = independent_difference(right=(48, 56), counts=(80, 70))
    assert found.difference == pytest.approx(0.2)
    assert found.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-5)
