"""Experiments one after another, each recorded as soon as it has ended."""

from dataclasses import replace

import pytest

from kenspeckle.errors import ConfigError
from kenspeckle.experiments import series
from kenspeckle.experiments.catalog import reproduce
from kenspeckle.experiments.plan import Plan
from kenspeckle.experiments.record import DOCUMENT
from kenspeckle.experiments.series import Began, Recorded, carry_out


def test_each_experiment_is_announced_and_then_recorded(tmp_path):
    runs, record = tmp_path / "runs", tmp_path / "record"
    runs.mkdir()
    events = list(
        carry_out(["optimizers", "matrix-inverse"], Plan(out=runs, quick=True), record=record)
    )
    assert [type(event) for event in events] == [Began, Recorded] * 2
    assert [(event.name, event.number, event.count) for event in events[::2]] == [
        ("optimizers", 1, 2),
        ("matrix-inverse", 2, 2),
    ]
    assert [event.entry["name"] for event in events[1::2]] == ["optimizers", "matrix-inverse"]
    assert events[3].document["experiments"] == [events[1].entry, events[3].entry]
    assert list(runs.iterdir()) == []


def test_the_time_that_is_left_is_told_once_an_experiment_was_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(
        series, "reproduce", lambda name, plan: reproduce(name, replace(plan, quick=True))
    )
    events = carry_out(
        ["matrix-inverse", "optimizers"], Plan(out=tmp_path), record=tmp_path / "record"
    )
    first, _, second = (next(events) for _ in range(3))
    events.close()
    assert first.seconds_left is None
    assert 0 < second.seconds_left < 60


def test_an_experiment_is_in_the_record_before_the_next_begins(tmp_path):
    events = carry_out(
        ["optimizers", "matrix-inverse"], Plan(out=tmp_path, quick=True), record=tmp_path / "record"
    )
    next(events)
    assert not (tmp_path / "record").exists()
    next(events)
    assert (tmp_path / "record" / DOCUMENT).exists()
    events.close()


def test_an_unknown_name_is_refused_before_any_experiment_begins(tmp_path):
    with pytest.raises(ConfigError, match="unknown experiment 'softmx'"):
        next(
            carry_out(
                ["optimizers", "softmx"], Plan(out=tmp_path, quick=True), record=tmp_path / "record"
            )
        )


@pytest.mark.parametrize(("met", "missed"), [(True, False), (None, False), (False, True)])
def test_a_quantity_that_is_not_met_makes_an_experiment_missed(met, missed):
    quantities = [{"met": None}, {"met": met}]
    assert Recorded(entry={"quantities": quantities}, document={}).missed is missed
