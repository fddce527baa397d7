"""Machines that share a search in PostgreSQL: what one has told no other loses or does again."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.cli.main import main
from kenspeckle.searching.conducting import searching
from kenspeckle.searching.records import SearchResult, Trial, Working
from kenspeckle.searching.space import typed
from kenspeckle.searching.study import Study

sys.path.append(str(Path(__file__).parent))
from postgresql_server import PASSWORD, USER, Server, missing

SETTINGS = (*SMALL, "train.checkpoint_seconds=0")
SPACE = ["optimizer.rate=0.0001..0.05(log)", "train.batch_size=20,40"]
COUNTER = itertools.count()


@pytest.fixture(scope="module")
def server():
    if reason := missing():
        if os.environ.get("KENSPECKLE_POSTGRESQL") == "required":
            pytest.fail(f"KENSPECKLE_POSTGRESQL is required, but {reason}")
        pytest.skip(f"no PostgreSQL: {reason}")
    with Server() as found:
        yield found


@pytest.fixture
def url(server):
    """Of an empty database."""
    name = f"trials{next(COUNTER)}"
    server.run(f"CREATE DATABASE {name}")
    return server.url(name)


def asked(url, trials, **more):
    plan = {"method": "random", "trials": trials, "pruning": "none", "storage": url, **more}
    return {"settings": SETTINGS, "space": typed(SPACE), "plan": ks.SearchConfig(**plan)}


def outcomes(result):
    return [replace(trial, seconds=0.0) for trial in result.trials]


def until(events, kind):
    """The next event of a `kind`."""
    return next(event for event in events if isinstance(event, kind))


def at_once(count, work):
    """What `work(number, wait)` returns in each of `count` threads; `wait` is for all of them."""
    barrier, found = threading.Barrier(count, timeout=60), {}

    def each(number):
        try:
            found[number] = work(number, barrier.wait)
        except BaseException as error:
            barrier.abort()
            found[number] = error

    threads = [threading.Thread(target=each, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(count)]


def study(folder, url, *, method="random", space="optimizer.rate=0.001,0.002,0.003,0.004"):
    plan = ks.SearchConfig(method=method, storage=url)
    return Study(folder, folder.parent.name, dict(typed([space])), plan, seed=0, epochs=3)


def test_of_four_machines_that_claim_the_winner_at_once_one_has_it(tmp_path, url):
    def claimed(number, wait):
        found = study(tmp_path / str(number), url)
        wait()
        return found.claim_winner()

    found = at_once(4, claimed)
    holder = found.index("")
    others = [name for number, name in enumerate(found) if number != holder]
    assert all(name.endswith(f":{tmp_path / str(holder)}") for name in others)
    assert len(others) == 3


def test_a_claim_that_is_read_and_then_written_would_have_several_holders(tmp_path, url):
    """A control: what makes the claim of one machine hold is not luck."""
    import optuna

    study(tmp_path / "s", url)

    def claimed(number, wait):
        found = optuna.load_study(
            study_name=tmp_path.name, storage=url.replace("postgresql:", "postgresql+psycopg2:")
        )
        wait()
        holder = found.user_attrs.get("winner_by", number)
        wait()
        if holder == number:
            found.set_user_attr("winner_by", number)
        return holder == number

    assert at_once(4, claimed) == [True] * 4


def test_machines_that_begin_at_once_make_the_tables_once_and_try_no_cell_twice(tmp_path, url):
    def proposed(number, wait):
        wait()
        found = study(tmp_path / str(number), url, method="grid")
        return found.ask().settings["optimizer.rate"]

    assert sorted(at_once(4, proposed)) == ["0.001", "0.002", "0.003", "0.004"]


def test_machines_that_begin_at_once_draw_different_proposals(tmp_path, url):
    studies = [
        study(tmp_path / name, url, space="optimizer.rate=0.001..0.1") for name in ("a", "b")
    ]
    first, second = (each.ask().settings for each in studies)
    assert first != second
    # a control: the file of one machine begins in the same way
    assert study(tmp_path, "", space="optimizer.rate=0.001..0.1").ask().settings == first


def test_a_trial_that_ends_after_the_winner_was_chosen_counts_for_nothing(tmp_path, url):
    late = searching(bars(), **asked(url, 2), out=tmp_path / "late")
    until(late, Working)
    whole = ks.search(bars(), **asked(url, 2), out=tmp_path / "first")
    assert len(whole.trials) == 2 and whole.winner.openings == 1
    *_, found = late
    assert outcomes(found) == outcomes(whole)
    assert found.best == whole.best and found.winner is None
    assert found.notes[0] == "1 trial ended after the winner was chosen, and counted for nothing"
    assert found.notes[1].endswith(f":{tmp_path / 'first'}")
    assert not (tmp_path / "late" / "winner").exists()
    again = ks.search(bars(), **asked(url, 2), out=tmp_path / "first")
    assert (again.best, again.winner) == (whole.best, whole.winner)


def test_machines_of_one_name_and_path_leave_each_other_s_trials_alone(tmp_path, server, url):
    busy = searching(bars(), **asked(url, 2), out=tmp_path / "s")
    until(busy, Working)
    (tmp_path / "s").rename(tmp_path / "on another machine")
    twin = searching(bars(), **asked(url, 2), out=tmp_path / "s")
    until(twin, Trial)
    assert server.states(url) == {"COMPLETE": 1, "RUNNING": 1}
    twin.close()
    busy.close()
    moved = ks.search(bars(), **asked(url, 2), out=tmp_path / "on another machine")
    assert len(moved.trials) == 2 and moved.winner.openings == 1


def test_a_grid_waits_with_the_winner_for_what_another_machine_tries(tmp_path, url):
    both = {**asked(url, 0, method="grid"), "space": typed(["optimizer.rate=0.001,0.01"])}
    slow = searching(bars(), **both, out=tmp_path / "slow")
    until(slow, Working)
    found = ks.search(bars(), **both, out=tmp_path / "fast")
    assert found.winner is None and len(found.trials) == 1
    assert found.notes[0].startswith("1 trial is under way in other folders; the one that ends")
    *_, whole = slow
    assert len(whole.trials) == 2 and whole.winner.openings == 1


CODE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import kenspeckle as ks
from conftest import bars
plan = ks.SearchConfig(method="random", trials=3, pruning="none", storage=sys.argv[2])
ks.search(bars(), settings={SETTINGS!r}, space={SPACE!r}, plan=plan, out=sys.argv[1])
"""


def test_a_killed_machine_loses_no_finished_trial_and_its_dead_one_is_tried_again(
    tmp_path, server, url
):
    process = subprocess.Popen([sys.executable, "-c", CODE, tmp_path / "a", url])
    server.wait_for(url, COMPLETE=1, RUNNING=1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert server.states(url)["COMPLETE"] < 3 and server.states(url)["RUNNING"] == 1
    found = ks.search(bars(), **asked(url, 3), out=tmp_path / "a")
    whole = ks.search(bars(), **asked("", 3), out=tmp_path / "whole")
    assert outcomes(found) == outcomes(whole)
    assert found.winner.openings == 1 and found.winner.test == whole.winner.test
    # the dead trial, and the row that claims the winner
    assert server.states(url) == {"COMPLETE": 3, "FAIL": 2}


def test_a_server_that_stops_is_one_line_and_the_same_call_goes_on(tmp_path, server, url):
    events = searching(bars(), **asked(url, 2), out=tmp_path / "s")
    first = until(events, Trial)
    server.stop()
    try:
        with pytest.raises(ks.KenspeckleError) as caught:
            until(events, SearchResult)
    finally:
        server.start()
    message = str(caught.value)
    assert message.startswith("the postgresql database of the search cannot be used: ")
    assert message.endswith("; mend that or --storage, and the same command goes on")
    assert "\n" not in message and PASSWORD not in message and "%25" not in message
    found = ks.search(bars(), **asked(url, 2), out=tmp_path / "s")
    assert found.trials[0] == first and len(found.trials) == 2
    assert found.winner.openings == 1


def test_a_server_that_is_started_again_between_two_questions_is_not_noticed(tmp_path, server, url):
    events = searching(bars(), **asked(url, 2), out=tmp_path / "s")
    until(events, Trial)
    server.stop()
    server.start()
    assert until(events, SearchResult).winner.openings == 1


FAILED = 'connection to server at "127.0.0.1", port PORT failed: '


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"password": "wr0ng"},
            f'{FAILED}FATAL: password authentication failed for user "{USER}"',
        ),
        ({"database": "nowhere"}, f'{FAILED}FATAL: database "nowhere" does not exist'),
        ({"port": 1}, f"{FAILED}Connection refused".replace("PORT", "1")),
        ({"user": "guest", "password": "gu3st"}, "permission denied for schema public"),
    ],
)
def test_what_the_server_refuses_is_one_line_without_the_password(
    capsys, tmp_path, server, change, reason
):
    if "user" in change:
        server.run("CREATE ROLE guest LOGIN PASSWORD 'gu3st'")
    url = server.url(**{"database": "postgres", **change})
    assert main(["search", "digits", str(tmp_path / "s"), "--storage", url]) == 1
    out, err = capsys.readouterr()
    place = f"127.0.0.1:{change.get('port', server.port)}/{change.get('database', 'postgres')}"
    assert err == (
        f"ken: the postgresql database of the search cannot be used: {reason}; expected a running "
        f"server at {place} that lets this user make tables; mend that or --storage, and the same "
        "command goes on\n"
    ).replace("PORT", str(server.port))
    assert change.get("password", PASSWORD) not in out


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_machines_share_mnist_and_one_of_them_is_killed(tmp_path, server, url):
    def machine(name):
        command = [
            sys.executable, "-m", "kenspeckle.cli.main", "search", "mnist", tmp_path / name,
            "--recipe", "blink", "--trials", "4", "--method", "random", "--storage", url,
            "--try", "threads=1", "--try", "train.epochs=1", "--try", "optimizer.rate=0.002..0.02",
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    first = machine("a")
    server.wait_for(url, COMPLETE=1, RUNNING=1)
    second = machine("b")
    server.wait_for(url, RUNNING=2)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = server.states(url)["COMPLETE"]
    out, err = second.communicate(timeout=300)
    assert second.returncode == 0, err
    assert server.states(url)["COMPLETE"] >= max(4, before) and server.states(url)["RUNNING"] == 1
    again = machine("a")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert f"the winner is trained and measured by {os.uname().nodename}:{tmp_path / 'b'}" in (
        " ".join(out.split())
    )
    winner = ks.open_run(tmp_path / "b" / "winner")
    assert winner.result["test"]["openings"] == 1 and not (tmp_path / "a" / "winner").exists()
    assert "RUNNING" not in server.states(url)
