"""Bootstrap intervals against scipy and against what is known of resampling."""

import time

import numpy as np
import pytest
from scipy import stats

from kenspeckle.evaluation.bootstrap import bootstrap, mean_of, studentised

VALUES = np.random.default_rng(0).exponential(size=120)


@pytest.mark.parametrize(("ours", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_intervals_of_a_mean_are_those_of_scipy(ours, theirs):
    want = stats.bootstrap(
        (VALUES,), np.mean, method=theirs, n_resamples=20_000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap(mean_of(VALUES), 120, method=ours, resamples=20_000)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=0.01)


def test_any_statistic_of_weights_may_be_asked():
    def deviation(weights):
        total = weights.sum(axis=1)
        return np.sqrt(weights @ VALUES**2 / total - (weights @ VALUES / total) ** 2)

    want = stats.bootstrap(
        (VALUES,), np.std, method="percentile", n_resamples=10_000, rng=np.random.default_rng(1)
    ).confidence_interval
    found = bootstrap(deviation, 120, resamples=10_000)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=0.015)


def test_groups_are_drawn_whole():
    seen = []

    def statistic(weights):
        seen.append(weights)
        return weights.sum(axis=1)

    groups = np.array([7, 3, 7, 7, 3, 9])
    bootstrap(statistic, 6, groups=groups, resamples=50)
    weights = np.concatenate(seen)
    for group in (3, 7, 9):
        assert (np.ptp(weights[:, groups == group], axis=1) == 0).all()
    assert (weights[:, [0, 1, 5]].sum(axis=1) == 3).all()


def test_copies_in_groups_give_the_interval_of_the_originals():
    groups = np.arange(1200) // 10
    found = bootstrap(mean_of(VALUES.repeat(10)), 1200, groups=groups)
    want = bootstrap(mean_of(VALUES), 120)
    assert (found.low, found.high) == pytest.approx((want.low, want.high))
    naive = bootstrap(mean_of(VALUES.repeat(10)), 1200)
    assert found.high - found.low > 2.5 * (naive.high - naive.low)  # the control


def test_the_studentised_interval_leans_where_the_values_do():
    found = studentised(VALUES)
    mean = VALUES.mean()
    assert found.high - mean > 1.15 * (mean - found.low)
    even = studentised(np.concatenate([VALUES, -VALUES]))
    assert even.high + even.low == pytest.approx(0, abs=0.03)


def test_equal_values_have_no_spread():
    found = studentised(np.full(9, 0.25))
    assert (found.low, found.high) == (0.25, 0.25)


def test_the_same_items_have_the_same_interval():
    assert bootstrap(mean_of(VALUES), 120) == bootstrap(mean_of(VALUES), 120)
    assert bootstrap(mean_of(VALUES), 120) != bootstrap(mean_of(VALUES), 120, seed=1)


def test_ten_thousand_items_take_no_second():
    values = np.random.default_rng(0).exponential(size=10_000)
    began = time.process_time()
    bootstrap(mean_of(values), 10_000, method="bca")
    assert time.process_time() - began < 1.0
