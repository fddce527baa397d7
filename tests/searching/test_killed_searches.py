"""A search that is killed at any moment ends with the trials that it would have had undisturbed."""

import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.searching.conducting import searching
from kenspeckle.searching.space import typed

TESTS = Path(__file__).parents[1]
SETTINGS = (*SMALL, "train.checkpoint_seconds=0")
SPACE = ["optimizer.rate=0.0001..0.05(log)", "train.batch_size=20,40"]
CODE = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
import kenspeckle as ks
from conftest import bars
plan = ks.SearchConfig(method=sys.argv[2], trials=int(sys.argv[3]))
ks.search(bars(), settings={SETTINGS!r}, space={SPACE!r}, plan=plan, out=sys.argv[1])
"""


def outcomes(result):
    return [replace(trial, seconds=0.0) for trial in result.trials]


def killed(out, kills, *, method, trials, delay):
    """Search into `out`; kill it `kills` times, `delay()` seconds after the journal has grown."""
    journal = out / "journal.log"
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", CODE, out, method, str(trials)])
        size = journal.stat().st_size if journal.exists() else 0
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            if journal.exists() and journal.stat().st_size > size:
                break
            time.sleep(0.01)
        time.sleep(delay())
        process.send_signal(signal.SIGKILL)
        process.wait()
    return undisturbed(out, method=method, trials=trials)


def undisturbed(out, *, method, trials):
    plan = ks.SearchConfig(method=method, trials=trials)
    return ks.search(bars(), settings=SETTINGS, space=SPACE, plan=plan, out=out)


@pytest.mark.parametrize("method", ["bayes", pytest.param("random", marks=pytest.mark.slow)])
def test_three_kills_change_no_trial_and_the_test_split_is_opened_once(tmp_path, method):
    draws = random.Random(0)
    found = killed(
        tmp_path / "s", 3, method=method, trials=4, delay=lambda: draws.uniform(0.2, 1.5)
    )
    whole = undisturbed(tmp_path / "whole", method=method, trials=4)
    assert outcomes(found) == outcomes(whole)
    assert found.winner.openings == 1 and found.winner.test == whole.winner.test


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_kills_lose_no_finished_trial(tmp_path):
    draws = random.Random(1)
    found = killed(
        tmp_path / "s", 20, method="bayes", trials=16, delay=lambda: draws.uniform(0, 2.5)
    )
    whole = undisturbed(tmp_path / "whole", method="bayes", trials=16)
    assert outcomes(found) == outcomes(whole)
    assert found.winner.openings == 1


def test_a_trial_that_was_told_but_not_ended_counts(tmp_path):
    """As a process leaves it that is killed between two lines of the journal."""
    plan = ks.SearchConfig(method="random", trials=2, pruning="none")
    asked = {"settings": SETTINGS, "space": SPACE, "plan": plan}
    whole = ks.search(bars(), **asked, out=tmp_path / "s")
    (tmp_path / "s" / "search.json").unlink()
    journal = tmp_path / "s" / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    told = [place for place, line in enumerate(lines) if b'"outcome":"done"' in line]
    journal.write_bytes(b"".join(lines[: told[-1] + 1]))
    found = ks.search(bars(), **asked, out=tmp_path / "s")
    assert outcomes(found) == outcomes(whole)
    journal.write_bytes(b"".join(lines[: told[-1]]))  # a control: not told, so done again
    (tmp_path / "s" / "search.json").unlink()
    again = ks.search(bars(), **asked, out=tmp_path / "s")
    assert outcomes(again) == outcomes(whole)
    assert again.trials[-1].seconds != whole.trials[-1].seconds == found.trials[-1].seconds


@pytest.mark.slow
def test_machines_share_a_database_and_one_of_them_trains_the_winner(tmp_path):
    plan = ks.SearchConfig(
        method="random", trials=4, pruning="none", storage=f"sqlite:///{tmp_path / 'shared.db'}"
    )
    asked = {"settings": SETTINGS, "space": typed(SPACE), "plan": plan}
    code = CODE.replace("int(sys.argv[3])", f"4, pruning='none', storage={plan.storage!r}")
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path / "a", "random"])
    for _ in searching(bars(), **asked, out=tmp_path / "b"):
        if (tmp_path / "b" / "trials").exists() and other.poll() is None:
            break
    assert other.wait(timeout=120) == 0
    found = ks.search(bars(), **asked, out=tmp_path / "b")
    assert len(found.trials) == 4 and found.winner is None
    assert len(found.notes) == 1 and found.notes[0].endswith(str(tmp_path / "a"))
    assert (tmp_path / "a" / "winner").is_dir() and not (tmp_path / "b" / "winner").exists()


def test_a_database_that_cannot_be_used_is_one_line_without_its_password(tmp_path):
    plan = ks.SearchConfig(trials=1, storage="sqlite:////nowhere/user:secret/a.db")
    with pytest.raises(ks.KenspeckleError, match="the sqlite database of the search") as caught:
        ks.search(bars(), settings=SETTINGS, space=SPACE, plan=plan, out=tmp_path / "s")
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)
