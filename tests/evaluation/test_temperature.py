"""Temperature: what it mends, what it leaves alone, and where it is refused."""

import numpy as np
import pytest
from test_metrics import of, told

from kenspeckle.evaluation.temperature import fit_temperature, log_loss, scaled


def test_logits_that_are_twice_too_large_are_halved():
    assert fit_temperature(told(5000, surplus=2.0)).value == pytest.approx(2.0, rel=0.08)


def test_the_figures_after_are_those_of_items_it_was_not_fitted_on():
    made = told(300, surplus=2.0)
    found = fit_temperature(made)
    assert found.log_loss_before == log_loss(made)
    assert log_loss(scaled(made, found.value)) < found.log_loss_after < found.log_loss_before
    assert found.ece_after < found.ece_before
    assert (found.n, found.split, found.reason) == (300, "test", "")


def test_no_answer_changes():
    made = told(2000, classes=6)
    for temperature in (0.3, 1.7, 9.0):
        assert (scaled(made, temperature).predicted == made.predicted).all()


def test_scaling_is_what_softmax_does_with_divided_logits():
    logits = np.random.default_rng(0).normal(size=(50, 4)) * 3

    def softmax(values):
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)

    made = of(softmax(logits), np.zeros(50, dtype=int))
    assert scaled(made, 2.5).probabilities == pytest.approx(softmax(logits / 2.5), abs=1e-6)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (told(99, surplus=3.0), "99 pictures are too few (at least 100)"),
        (told(500, margin=6.0), "0 mistakes are too few (at least 5)"),
    ],
)
def test_too_little_to_fit_on_leaves_it_at_one(made, reason):
    found = fit_temperature(made)
    assert (found.value, found.reason) == (1.0, reason)
    assert found.log_loss_after == found.log_loss_before


def test_a_temperature_that_would_not_help_others_is_refused():
    refused = [
        found for seed in range(20) if (found := fit_temperature(told(150, seed=seed))).reason
    ]
    assert refused  # of calibrated answers
    for found in refused:
        assert found.value == 1.0 and found.reason.startswith("cross-fitted it gives a log-loss of")


def test_copies_do_not_judge_the_temperature_that_they_were_fitted_on():
    small = told(150, seed=3)
    copies = of(small.probabilities.repeat(8, axis=0), small.labels.repeat(8))
    groups = np.arange(1200) // 8
    naive, right = fit_temperature(copies), fit_temperature(copies, groups=groups)
    assert naive.log_loss_after < right.log_loss_after
