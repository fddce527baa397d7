"""Abstention against slow obvious versions, and what is promised of thresholds."""

import numpy as np
import pytest
from test_metrics import of, told

from kenspeckle.evaluation.abstention import halves, risk_coverage, threshold_for


def slow_risks(made):
    """Of the surest 1, 2, ... items, the share that is wrong."""
    order = np.argsort(-made.probabilities.max(axis=1), kind="stable")
    wrong = (made.predicted != made.labels)[order]
    return np.array([wrong[: count + 1].mean() for count in range(len(wrong))])


def test_the_area_is_the_mean_risk_over_all_coverages():
    made = told(500)
    assert risk_coverage(made).area == pytest.approx(slow_risks(made).mean(), rel=1e-12)


def test_the_area_does_not_depend_on_the_order_of_equally_sure_items():
    made = told(400)
    shares = np.round(made.probabilities * 5) + 0.1
    tied = of(shares / shares.sum(axis=1, keepdims=True), made.labels)
    rng = np.random.default_rng(0)
    shuffled = [tied.take(rng.permutation(400)) for _ in range(300)]
    areas = [risk_coverage(one).area for one in shuffled]
    assert np.ptp(areas) < 1e-12
    assert areas[0] == pytest.approx(
        np.mean([slow_risks(one).mean() for one in shuffled]), rel=0.01
    )


def test_accuracy_at_coverage_is_that_of_the_surest_items():
    made = told(500)
    for coverage in (1.0, 0.8, 0.1):
        found = risk_coverage(made).at(coverage)
        assert found.coverage == coverage and found.accuracy.n == round(500 * coverage)
        assert found.accuracy.value == pytest.approx(1 - slow_risks(made)[found.accuracy.n - 1])


def test_equally_sure_items_are_answered_together():
    shares = np.array([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    found = risk_coverage(of(shares, np.array([0, 0, 1, 0]))).at(0.5)
    assert (found.coverage, found.accuracy.n, found.accuracy.value) == (0.75, 3, 2 / 3)


def test_a_coverage_of_nothing_is_refused():
    with pytest.raises(ValueError, match="coverage must be above 0 and at most 1, got 0"):
        risk_coverage(told(50)).at(0.0)


def test_a_threshold_is_judged_on_items_that_it_was_not_chosen_on():
    one, other = halves(told(4000, margin=2.2))
    assert len(one) == len(other) == 2000
    found = threshold_for(one, other, wanted=0.95)
    is_answered = other.probabilities.max(axis=1) >= found.probability
    right = (other.predicted == other.labels)[is_answered]
    assert (found.accuracy.value, found.accuracy.n) == (right.mean(), len(right))
    assert found.coverage.value == is_answered.mean()
    assert found.lowest < found.accuracy.value


def test_what_is_guaranteed_is_true_in_nineteen_of_twenty_cases():
    large = told(400_000, seed=99, margin=2.2)
    said, right = large.probabilities.max(axis=1), large.predicted == large.labels
    guaranteed, broken, naive = 0, 0, 0
    for seed in range(150):
        one, other = halves(told(1000, seed=seed, margin=2.2))
        found = threshold_for(one, other, wanted=0.9)
        if found.is_guaranteed:
            guaranteed += 1
            broken += right[said >= found.probability].mean() < 0.9
        curve = risk_coverage(one)
        reached = curve.thresholds[(1 - curve.wrong / curve.answered) >= 0.9]
        naive += right[said >= reached.min()].mean() < 0.9
    assert guaranteed > 30 and broken <= 0.05 * 150
    assert naive > 0.3 * 150  # the control: the lowest that seems to reach it


def test_what_cannot_be_reached_has_no_threshold():
    found = threshold_for(told(30), told(30, seed=1), wanted=0.999)
    assert np.isnan(found.probability) and found.coverage.value == 0.0
    assert not found.is_guaranteed


def test_an_impossible_wish_is_refused():
    with pytest.raises(ValueError, match="the wanted accuracy must be between 0 and 1, got 1"):
        threshold_for(told(30), told(30), wanted=1.0)
