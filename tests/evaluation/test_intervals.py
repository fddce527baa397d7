"""Intervals against scipy, published examples and what is known of them."""

import numpy as np
import pytest
from scipy import stats

from kenspeckle.evaluation.intervals import (
    clopper_pearson,
    effective,
    lowest_share,
    share,
    student,
    wilson,
)


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (7, 9), (81, 263), (9992, 10_000)])
def test_intervals_of_shares_are_those_of_scipy(right, count):
    test = stats.binomtest(right, count)
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        found, want = ours(right, count), test.proportion_ci(0.95, method=method)
        assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=1e-12)


def test_everything_right_ends_at_exactly_one():
    assert wilson(37, 37).high == clopper_pearson(37, 37).high == 1.0
    assert wilson(0, 37).low == clopper_pearson(0, 37).low == 0.0


def test_the_lowest_share_is_that_of_an_exact_one_sided_test():
    bound = lowest_share(95, 100, risk=0.05)
    assert stats.binom.sf(94, 100, bound) == pytest.approx(0.05)


def test_a_share_of_nothing_is_undefined():
    found = share(0, 0)
    assert np.isnan(found.value) and (found.n, found.method) == (0, "undefined")


def test_the_interval_over_seeds_is_that_of_student():
    values = [0.991, 0.993, 0.990, 0.9925]
    want = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (student(values).low, student(values).high) == pytest.approx(want)


def test_one_seed_has_no_interval():
    with pytest.raises(ValueError, match="an interval over seeds needs 2 values or more, got 1"):
        student([0.9])


def right_of(count, rate, seed=0):
    return (np.random.default_rng(seed).random(count) < rate).astype(float)


def test_the_effective_number_of_independent_items_is_about_their_number():
    right = right_of(1000, 0.9)
    found = effective(right.mean(), (right - right.mean()) / 1000, groups=None, most=1000)
    want = wilson(right.sum(), 1000)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=3e-4)


def test_items_that_are_copies_count_once():
    right = right_of(200, 0.9).repeat(10)
    influences = (right - right.mean()) / 2000
    found = effective(right.mean(), influences, groups=np.arange(2000) // 10, most=2000)
    want = wilson(right.sum() / 10, 200)
    assert (found.low, found.high) == pytest.approx((want.low, want.high), abs=3e-3)
    naive = wilson(right.sum(), 2000)
    assert found.high - found.low > 2 * (naive.high - naive.low)  # the control


def test_a_single_group_says_nothing():
    found = effective(0.5, np.zeros(10), groups=np.zeros(10, dtype=int), most=10)
    assert (found.low, found.high) == (0.0, 1.0)
