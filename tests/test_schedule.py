"""Schedules are pure functions of the share of training that is done."""

import pytest

from kenspeckle.schedule import ScheduleConfig, factor


def course(name, **settings):
    config = ScheduleConfig(name=name, **settings)
    return [factor(config, step / 1000) for step in range(1001)]


def test_constant_never_changes():
    assert set(course("constant")) == {1.0}


@pytest.mark.parametrize("name", ["one-cycle", "linear-to-zero"])
def test_a_cycle_rises_to_one_and_falls_to_zero(name):
    values = course(name, warmup=0.25, start=0.1)
    assert values[0] == pytest.approx(0.1)
    assert values[250] == pytest.approx(1.0)
    assert values[1000] == pytest.approx(0.0, abs=1e-12)
    assert values[:251] == sorted(values[:251])
    assert values[250:] == sorted(values[250:], reverse=True)


def test_linear_to_zero_is_linear_after_the_warm_up():
    values = course("linear-to-zero", warmup=0.0)
    assert values[500] == pytest.approx(0.5)


def test_one_cycle_is_a_cosine():
    values = course("one-cycle", warmup=0.5, start=0.0)
    assert values[250] == pytest.approx(0.5)
    assert values[125] == pytest.approx(0.1464466)


def test_a_warm_up_of_everything_is_refused():
    with pytest.raises(ValueError, match=r"warmup must be in 0\.\.1, got 1"):
        ScheduleConfig(warmup=1.0)


def test_step_drops_at_its_shares():
    values = course("step", warmup=0.1, drops=(0.5, 0.8), drop_factor=0.2)
    assert values[0] == pytest.approx(0.1)
    assert values[100] == values[499] == 1.0
    assert values[500] == values[799] == pytest.approx(0.2)
    assert values[800] == values[1000] == pytest.approx(0.04)


def test_cosine_is_half_a_wave():
    values = course("cosine", warmup=0.0)
    assert values[0] == 1.0
    assert values[250] == pytest.approx(0.8535534)
    assert values[500] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drops": (0.8, 0.5)}, r"drops must be ascending shares in 0\.\.1, got \(0\.8, 0\.5\)"),
        ({"drops": (0.0,)}, r"drops must be ascending shares"),
        ({"drop_factor": 1.0}, r"drop_factor must be in 0\.\.1, got 1\.0"),
        ({"start": 2.0}, r"start must be in 0\.\.1, got 2\.0"),
    ],
)
def test_a_schedule_says_which_setting_is_wrong(settings, message):
    with pytest.raises(ValueError, match=message):
        ScheduleConfig(**settings)
