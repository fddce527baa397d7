"""Calibration against scikit-learn and against truths known by construction."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

import kenspeckle as ks
from kenspeckle.evaluation.calibration import calibration


def predictions(sure, right):
    """Two classes: item i is answered with probability `sure[i]`, and rightly where `right[i]`."""
    sure, right = np.asarray(sure, dtype=np.float32), np.asarray(right)
    return ks.Predictions(
        probabilities=np.stack([sure, 1 - sure], axis=1),
        labels=np.where(right, 0, 1).astype(np.int64),
        class_names=("a", "b"),
        split="validation",
    )


def random_predictions(count=2000, classes=7, seed=0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(classes, 0.4), count).astype(np.float32)
    labels = np.array([rng.choice(classes, p=row / row.sum()) for row in shares.astype(float)])
    return ks.Predictions(
        probabilities=shares,
        labels=labels,
        class_names=tuple(map(str, range(classes))),
        split="validation",
    )


def test_the_curve_is_that_of_scikit_learn():
    found = random_predictions()
    ours = calibration(found, bins=10)
    said = found.probabilities.max(axis=1)
    share, mean = calibration_curve(found.predicted == found.labels, said, n_bins=10)
    filled = ours.count > 0
    assert ours.accuracy[filled] == pytest.approx(share)
    assert ours.confidence[filled] == pytest.approx(mean)


def test_answers_as_sure_as_they_are_right_have_no_error():
    found = calibration(predictions([0.75] * 4, [True, True, True, False]))
    assert found.error == pytest.approx(0)
    assert found.excess == pytest.approx(0)


def test_a_model_that_is_surer_than_right_has_an_excess_and_an_error_of_the_same_size():
    found = calibration(predictions([0.9] * 10, [True] * 6 + [False] * 4))
    assert found.error == pytest.approx(0.3)
    assert found.excess == pytest.approx(0.3)


def test_gaps_in_both_directions_add_up_in_the_error_and_cancel_in_the_excess():
    found = calibration(predictions([0.7, 0.7, 0.9, 0.9], [True, True, True, False]))
    assert found.error == pytest.approx((0.3 + 0.4) / 2)
    assert found.excess == pytest.approx((0.4 - 0.3) / 2)


def test_a_probability_of_one_is_in_the_last_bin():
    found = calibration(predictions([1.0], [True]))
    assert found.count[-1] == found.n == 1
    assert [interval is None for interval in found.intervals] == [True] * 14 + [False]
