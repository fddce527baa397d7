"""Comparisons over seeds: oracles from scipy and by counting everything."""

import itertools

import numpy as np
import pytest
from scipy import stats

from kenspeckle.evaluation.comparison import (
    MANY,
    alike,
    compare_correctness,
    crossed_interval,
    holm,
    mcnemar,
    power,
    seeds_needed,
    sign_flips,
    visible,
)
from kenspeckle.evaluation.sequential import SPENT, in_proportion, limits, obrien_fleming


def right(rng, seeds, count, *, accuracy):
    """Which of `count` pictures each seed is right about; some pictures are harder."""
    hardness = rng.beta(8 * accuracy, 8 * (1 - accuracy), count)
    return rng.random((seeds, count)) < hardness


def with_differences(differences, *, count=1000):
    """Two tables of what is right whose accuracies differ by `differences` pictures."""
    base = np.arange(count) < count // 2
    first = np.tile(base, (len(differences), 1))
    second = np.array([np.arange(count) < count // 2 + more for more in differences])
    return first, second


def test_interval_and_p_value_are_those_of_the_paired_t_test_of_scipy():
    rng = np.random.default_rng(0)
    first, second = right(rng, 6, 500, accuracy=0.8), right(rng, 6, 500, accuracy=0.82)
    found = compare_correctness(first, second)
    oracle = stats.ttest_rel(second.mean(axis=1), first.mean(axis=1))
    low, high = oracle.confidence_interval(0.95)
    assert found.p_value == pytest.approx(oracle.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_mcnemar_is_the_binomial_test_of_the_pictures_on_which_two_disagree():
    first = np.array([1, 1, 1, 1, 1, 0, 0, 1, 0], dtype=bool)
    second = np.array([0, 0, 0, 0, 0, 1, 0, 1, 0], dtype=bool)
    found = mcnemar(first, second)
    ways = sum(1 for signs in itertools.product((0, 1), repeat=6) if sum(signs) in (0, 1, 5, 6))
    assert (found.gained, found.lost) == (1, 5)
    assert found.p_value == pytest.approx(ways / 2**6)


def test_models_that_never_disagree_are_not_different():
    same = np.ones(5, dtype=bool)
    assert mcnemar(same, same).p_value == 1.0


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_sign_flips_count_every_way_to_change_places(seeds):
    differences = np.random.default_rng(seeds).normal(0.5, 1, seeds)
    oracle = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flips(differences) == pytest.approx(oracle.pvalue)


def test_many_sign_flips_are_drawn_and_close_to_the_t_test():
    differences = np.random.default_rng(1).normal(0.4, 1, 40)
    assert sign_flips(differences) == pytest.approx(
        stats.ttest_1samp(differences, 0).pvalue, abs=0.005
    )


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_never_decreases():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.5]) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("trial", range(20))
def test_groups_are_the_largest_sets_without_a_different_pair(trial):
    rng = np.random.default_rng(trial)
    pairs = list(itertools.combinations(range(6), 2))
    different = [pair for pair in pairs if rng.random() < 0.4]
    whole = [
        set(group)
        for size in range(1, 7)
        for group in itertools.combinations(range(6), size)
        if not any({*pair} <= {*group} for pair in different)
    ]
    largest = [group for group in whole if not any(group < other for other in whole)]
    assert alike(6, different) == sorted(tuple(sorted(group)) for group in largest)


def test_power_is_the_share_of_tests_that_see_the_difference():
    rng = np.random.default_rng(0)
    draws = rng.normal(1.0, 1.0, (20_000, 6))
    seen = stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05
    assert power(6, 1.0, 1.0) == pytest.approx(seen.mean(), abs=0.01)


def test_the_needed_seeds_are_the_first_that_have_the_power():
    needed = seeds_needed(0.7, 1.0)
    assert power(needed, 0.7, 1.0) >= 0.8 > power(needed - 1, 0.7, 1.0)
    assert seeds_needed(0.0, 1.0) == MANY
    assert power(9, visible(9, 2.0), 2.0) == pytest.approx(0.8, abs=0.002)


def test_two_seeds_claim_nothing_however_large_the_difference():
    found = compare_correctness(*with_differences([300, 301]))
    assert (found.verdict, found.interval, found.generalised) == ("not distinguishable", None, None)


def test_three_seeds_that_agree_claim_a_difference_and_its_sign():
    assert compare_correctness(*with_differences([30, 31, 29])).verdict == "better"
    assert compare_correctness(*with_differences([-30, -31, -29])).verdict == "worse"


def test_three_equal_differences_of_one_picture_claim_nothing():
    found = compare_correctness(*with_differences([1, 1, 1]))
    assert found.verdict == "not distinguishable"
    assert found.interval.low < 0 < found.interval.high


def test_the_interval_for_other_pictures_covers_what_is_true_of_all_pictures():
    rng = np.random.default_rng(3)
    covered, narrow = 0, 0
    for _ in range(300):
        items = rng.normal(0, 0.15, 200)  # the same pictures are easier for one of the two
        skill = rng.normal(0, 0.02, (2, 6, 1))
        first, second = (
            rng.random((6, 200)) < 0.7 + skill[0],
            rng.random((6, 200)) < 0.7 + 0.05 + items + skill[1],
        )
        wide = crossed_interval(first, second)
        covered += wide.low <= 0.05 <= wide.high
        interval = compare_correctness(first, second).interval
        narrow += interval.low <= 0.05 <= interval.high
    assert covered / 300 >= 0.92
    assert narrow < covered  # the control: an interval over seeds alone does not promise that


@pytest.mark.parametrize("spending", [in_proportion, obrien_fleming])
def test_looking_after_every_pair_keeps_the_error_rate(spending):
    found = limits(12, spending=spending)
    draws = np.random.default_rng(9).normal(0, 3, (40_000, 12))
    ever = np.zeros(len(draws), dtype=bool)
    careless = np.zeros(len(draws), dtype=bool)
    for pairs in range(3, 13):
        value = np.abs(stats.ttest_1samp(draws[:, :pairs], 0, axis=1).statistic)
        ever |= value > found.at(pairs)
        careless |= value > stats.t.isf(0.025, pairs - 1)
    assert ever.mean() == pytest.approx(SPENT, abs=0.004)
    assert careless.mean() > 0.1  # the control: a limit for one look, used ten times


def test_the_whole_error_rate_is_spent_at_the_last_pair():
    for spending in (in_proportion, obrien_fleming):
        assert spending(1.0, 0.05) == pytest.approx(0.05)


def test_fewer_than_three_pairs_cannot_be_planned():
    with pytest.raises(ValueError, match="most must be at least 3, got 2"):
        limits(2)
