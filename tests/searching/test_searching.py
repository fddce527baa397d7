"""A search: validation chooses, test is opened once, whatever stops it loses no finished trial."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.errors import ConfigError, RunError
from kenspeckle.searching.conducting import searching
from kenspeckle.searching.records import SearchStarted, Trial, Working
from kenspeckle.searching.space import typed

RATES = "optimizer.rate=0.00001..0.05(log)"
QUICK = (*SMALL, "train.epochs=2")


def plan(**limits):
    return ks.SearchConfig(**{"method": "random", "pruning": "none", **limits})


def outcomes(result):
    """All that trials said, but for durations."""
    return [replace(trial, seconds=0.0) for trial in result.trials]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The events of a random search of four trials."""
    out = tmp_path_factory.mktemp("searches") / "s"
    return list(
        searching(bars(), settings=QUICK, space=typed([RATES]), plan=plan(trials=4), out=out)
    )


def test_a_search_says_what_it_does(found):
    assert isinstance(found[0], SearchStarted) and found[0].planned == 4
    assert [event.number for event in found if isinstance(event, Trial)] == [1, 2, 3, 4]
    left = [event.left for event in found if isinstance(event, Working)]
    assert any(value is not None for value in left) and left[-1] < 3
    assert "trial 2 of 4, epoch 1" in {e.what for e in found if isinstance(e, Working)}


def test_the_winner_has_the_best_validation_and_is_measured_on_test_once(found):
    result = found[-1]
    best = max(trial.score.accuracy for trial in result.trials)
    assert result.best.score.accuracy == best == result.leaderboard[0].score.accuracy
    run = ks.open_run(result.winner.run)
    assert run.result["test"]["role"] == "untouched" and result.winner.openings == 1
    assert f"{run.config.optimizer.rate!r}" == result.best.settings["optimizer.rate"]
    assert result.winner.validation.accuracy == best  # the same seed and pictures


def test_the_optimism_is_the_winning_score_minus_test(found):
    winner, best = found[-1].winner, found[-1].best
    gap = winner.optimism
    assert gap.difference == pytest.approx(best.score.accuracy - winner.test.accuracy)
    assert gap.interval.low <= gap.difference <= gap.interval.high and gap.n == 36


def test_the_folder_holds_the_journal_the_result_and_the_winner_alone(found):
    folder = found[-1].folder
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert names == {"asked.json", "journal.log", "log.sqlite", "search.json", "winner"}
    document = json.loads((folder / "search.json").read_text())
    assert [each["number"] for each in document["trials"]] == [1, 2, 3, 4]


def test_the_same_call_after_the_end_opens_nothing(found):
    folder, before = found[-1].folder, found[-1].winner
    again = ks.search(bars(), settings=QUICK, space=[RATES], plan=plan(trials=4), out=folder)
    assert (again.winner, outcomes(again)) == (before, outcomes(found[-1]))
    assert ks.open_run(before.run).result["test"]["openings"] == 1


def test_a_search_that_has_seen_test_is_not_made_longer(found):
    folder = found[-1].folder
    with pytest.raises(RunError, match="this search has ended, and its winner was measured on"):
        ks.search(bars(), settings=QUICK, space=[RATES], plan=plan(trials=5), out=folder)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"settings": (*QUICK, "seed=1")}, "configuration"),
        ({"space": ["optimizer.rate=0.01,0.02"]}, "space"),
        ({"source": bars(seed=1)}, "data"),
        ({"plan": plan(trials=4, method="bayes")}, "method"),
    ],
)
def test_another_search_in_the_same_folder_is_refused(found, change, what):
    asked = {"source": bars(), "settings": QUICK, "space": [RATES], "plan": plan(trials=4)}
    with pytest.raises(RunError, match=f"there is a search here with another {what}; choose"):
        ks.search(**asked | change, out=found[-1].folder)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RunError, match=r"not empty and no search \(notes.txt is in it\)"):
        ks.search(bars(), settings=QUICK, plan=plan(trials=1), out=tmp_path)


def with_splits(*, test_seed=0, validation_seed=0):
    """Official splits, whose pictures of test and validation may be others."""
    data, number = bars(), np.arange(240)
    is_test, is_validation = number // 3 % 6 == 5, number // 3 % 6 == 4
    images = data.images.copy()
    images[is_test] = bars(seed=test_seed).images[is_test]
    images[is_validation] = bars(seed=validation_seed).images[is_validation]
    labels = data.labels.copy()
    if test_seed:
        labels[is_test] = (labels[is_test] + 1) % 3
    if validation_seed:
        labels[is_validation] = (labels[is_validation] + 1) % 3
    return replace(
        data, images=images, labels=labels, official_test=is_test, official_validation=is_validation
    )


def test_no_trial_depends_on_what_the_test_split_holds(tmp_path):
    space = ["optimizer.rate=0.01..0.03"]
    results = [
        ks.search(data, settings=SMALL, space=space, plan=plan(trials=2), out=tmp_path / name)
        for name, data in (
            ("a", with_splits()),
            ("b", with_splits(test_seed=1)),
            ("control", with_splits(validation_seed=1)),
        )
    ]
    assert outcomes(results[0]) == outcomes(results[1])
    assert results[0].winner.test.accuracy != results[1].winner.test.accuracy
    assert outcomes(results[0]) != outcomes(results[2])


def test_a_grid_tries_each_combination_once(tmp_path):
    space = ["optimizer.rate=0.01,0.02", "train.batch_size=20,40"]
    result = ks.search(
        bars(), settings=QUICK, space=space, plan=plan(method="grid"), out=tmp_path / "s"
    )
    tried = [tuple(trial.settings.values()) for trial in result.trials]
    assert tried == [("0.01", "20"), ("0.01", "40"), ("0.02", "20"), ("0.02", "40")]


def test_trials_can_be_told_by_folds(tmp_path):
    settings = (*QUICK, "splits.folds=3")
    space = ["optimizer.rate=0.01,0.00001"]
    result = ks.search(
        bars(120), settings=settings, space=space, plan=plan(method="grid"), out=tmp_path / "s"
    )
    assert {trial.score.n for trial in result.trials} == {102}  # all but the 18 of test
    winner = result.winner
    assert ks.open_run(winner.run).result["validation"]["role"] == "by folds"
    # the run itself is told in the same way
    assert winner.validation.accuracy == result.best.score.accuracy
    assert winner.test.n == 18


def test_what_falls_behind_is_pruned(tmp_path):
    space = ["optimizer.rate=0.01,0.011,0.012,0.013,0.014,0.0000001"]
    asked = {"settings": SMALL, "space": space}
    result = ks.search(
        bars(), **asked, plan=plan(method="grid", pruning="median"), out=tmp_path / "s"
    )
    assert [trial.outcome for trial in result.trials] == ["done"] * 5 + ["pruned"]
    assert result.trials[-1].seconds < np.mean([t.seconds for t in result.trials[:-1]])
    control = ks.search(bars(), **asked, plan=plan(method="grid"), out=tmp_path / "control")
    assert {trial.outcome for trial in control.trials} == {"done"}
    assert control.best.settings == result.best.settings


@pytest.mark.slow
def test_hyperband_ends_some_trials_early(tmp_path):
    rates = [f"{rate}{number}" for number in range(1, 6) for rate in ("0.01", "0.0000001")]
    space = ["optimizer.rate=" + ",".join(rates)]
    settings = (*SMALL, "train.epochs=9")
    result = ks.search(
        bars(90), settings=settings, space=space, plan=plan(method="grid", pruning="hyperband"),
        out=tmp_path / "s",
    )  # fmt: skip
    assert {trial.outcome for trial in result.trials} == {"done", "pruned"}


def test_settings_that_diverge_or_contradict_are_trials_that_lose(tmp_path):
    space = ["optimizer.name=sgd", "optimizer.rate=0.05,1e30", "optimizer.nesterov=false,true"]
    result = ks.search(
        bars(), settings=QUICK, space=space, plan=plan(method="grid"), out=tmp_path / "s"
    )
    assert [trial.outcome for trial in result.trials] == ["done", "refused", "diverged", "refused"]
    assert "nesterov needs a momentum above 0" in result.trials[1].reason
    assert result.best.number == 1


def test_a_search_in_which_all_fail_says_why(tmp_path):
    with pytest.raises(ConfigError, match="none of 1 trials came to its end; the first: diverged"):
        ks.search(
            bars(), settings=(*QUICK, "optimizer.name=sgd"), space=["optimizer.rate=1e30"],
            plan=plan(trials=1), out=tmp_path / "s",
        )  # fmt: skip


def test_the_minutes_are_kept(tmp_path):
    began = time.perf_counter()
    result = ks.search(
        bars(), settings=QUICK, space=[RATES], plan=plan(minutes=0.2), out=tmp_path / "s"
    )
    assert 6 < time.perf_counter() - began < 13  # 12 seconds
    assert result.winner and len(result.trials) >= 2


def test_too_few_minutes_are_told(tmp_path):
    asked = {"settings": (*QUICK, "train.epochs=200"), "space": [RATES], "out": tmp_path / "s"}
    with pytest.raises(RunError, match=r"0.02 minutes are too few for one trial and the winner"):
        ks.search(bars(), **asked, plan=plan(minutes=0.02))


@pytest.mark.slow
def test_bayes_is_better_than_chance_where_there_is_something_to_learn(tmp_path):
    result = ks.search(
        bars(), settings=QUICK, space=[RATES], plan=plan(method="bayes", trials=16),
        out=tmp_path / "s",
    )  # fmt: skip
    rates = [float(trial.settings["optimizer.rate"]) for trial in result.trials]
    assert np.median(rates[10:]) > 3 * np.median(rates[:10])  # most of the range learns nothing
    assert result.importance == {"optimizer.rate": 1.0}


def stopped_after_two(out, asked):
    """The trials of a search that is stopped after two of them, and its last event."""
    seen = []

    def stop():
        return len(seen) >= 2

    for event in searching(bars(), **asked, out=out, stop=stop):
        seen += [event] if isinstance(event, Trial) else []
    return [*seen, event]


def test_a_stop_keeps_what_there_is_and_the_same_call_goes_on(tmp_path):
    asked = {"settings": QUICK, "space": typed([RATES]), "plan": plan(trials=4)}
    whole = ks.search(bars(), **asked, out=tmp_path / "whole")
    event = stopped_after_two(tmp_path / "s", asked)[-1]
    assert event.state == "interrupted" and len(event.trials) == 2 and event.winner is None
    result = ks.search(bars(), **asked, out=tmp_path / "s")
    assert outcomes(result) == outcomes(whole)
    assert result.winner.test == whole.winner.test


def test_half_a_line_of_the_journal_is_dropped_and_damage_is_named(tmp_path):
    asked = {"settings": QUICK, "space": typed([RATES]), "plan": plan(trials=3)}
    *seen, event = stopped_after_two(tmp_path / "s", asked)
    journal = tmp_path / "s" / "journal.log"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"wor')
    (tmp_path / "s" / "journal.log.lock").touch()
    result = ks.search(bars(), **asked, out=tmp_path / "s")
    assert [t.score for t in result.trials[:2]] == [t.score for t in seen] and event.winner is None
    journal.write_bytes(b'{"op_code":4,"wor\n' + whole)
    (tmp_path / "s" / "search.json").unlink()
    with pytest.raises(ks.KenspeckleError, match="the journal of the search cannot be used"):
        ks.search(bars(), **asked, out=tmp_path / "s")
