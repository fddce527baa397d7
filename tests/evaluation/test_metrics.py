"""Metrics against scikit-learn, and their intervals against known truths."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from kenspeckle.evaluation.calibration import calibration
from kenspeckle.evaluation.calibration_error import calibration_error
from kenspeckle.evaluation.metrics import measure_fully
from kenspeckle.evaluation.ranking import auroc
from kenspeckle.predictions import Predictions


def told(count=600, classes=4, seed=0, margin=1.5, surplus=1.0):
    """Calibrated answers, but for logits `surplus` times too large."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    scores = rng.standard_normal((count, classes))
    scores[np.arange(count), labels] += margin
    shares = np.exp(scores * margin * surplus)
    return of(shares / shares.sum(axis=1, keepdims=True), labels)


def of(shares, labels):
    names = tuple(f"class {number}" for number in range(shares.shape[1]))
    return Predictions(
        probabilities=shares.astype(np.float32), labels=labels, class_names=names, split="test"
    )


def test_every_metric_is_that_of_scikit_learn():
    made = told()
    found = {name: estimate.value for name, estimate in measure_fully(made).metrics.items()}
    labels, predicted = made.labels, made.predicted
    exact = made.probabilities.astype(float)
    exact /= exact.sum(axis=1, keepdims=True)
    want = {
        "accuracy": oracle.accuracy_score(labels, predicted),
        "top_2": oracle.top_k_accuracy_score(labels, exact, k=2),
        "top_3": oracle.top_k_accuracy_score(labels, exact, k=3),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, predicted),
        "macro_f1": oracle.f1_score(labels, predicted, average="macro"),
        "auroc": oracle.roc_auc_score(labels, exact, multi_class="ovr"),
        "log_loss": oracle.log_loss(labels, exact),
        "brier": oracle.brier_score_loss(labels, exact, scale_by_half=False),
        "ece": calibration(made).error,
    }
    assert found == pytest.approx(want, rel=1e-5)


def test_every_metric_has_its_interval_n_and_method():
    made = measure_fully(told(margin=2.5))
    for name, estimate in made.metrics.items():
        assert estimate.interval.low <= estimate.value <= estimate.interval.high, name
        assert estimate.interval.high - estimate.interval.low > 1e-3, name
        assert estimate.n == 600 and estimate.method


def test_ties_count_half_in_the_ranking():
    rng = np.random.default_rng(0)
    shares = rng.integers(1, 4, (300, 3)).astype(float)  # many equal ones
    made = of(shares / shares.sum(axis=1, keepdims=True), rng.integers(0, 3, 300))
    want = np.mean(
        [
            oracle.roc_auc_score(made.labels == label, made.probabilities[:, label])
            for label in range(3)
        ]
    )
    assert auroc(made).value == pytest.approx(want, rel=1e-12)


def test_a_class_that_is_not_there_is_left_out_of_the_ranking():
    made = told(classes=3)
    kept = made.labels < 2
    found = auroc(of(made.probabilities[kept], made.labels[kept]))
    want = np.mean(
        [
            oracle.roc_auc_score(made.labels[kept] == label, made.probabilities[kept, label])
            for label in range(2)
        ]
    )
    assert found.value == pytest.approx(want)


def test_one_class_alone_cannot_be_ranked():
    found = auroc(of(np.full((5, 2), 0.5), np.zeros(5, dtype=int)))
    assert np.isnan(found.value) and found.method == "undefined"


def test_no_mistake_is_no_certainty():
    labels = np.arange(60) % 3
    found = measure_fully(of(np.eye(3)[labels] * 0.97 + 0.01, labels)).metrics
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc"):
        assert found[name].value == pytest.approx(1.0)
        assert 0.8 < found[name].interval.low < 0.96 and found[name].interval.high == 1.0


def test_groups_widen_every_interval_and_are_named():
    small = told(count=120)
    copies = of(small.probabilities.repeat(5, axis=0), small.labels.repeat(5))
    groups = np.arange(600) // 5
    naive, right, alone = (
        measure_fully(copies).metrics,
        measure_fully(copies, groups=groups).metrics,
        measure_fully(small).metrics,
    )
    for name, estimate in right.items():
        width, one = (found.interval.high - found.interval.low for found in (estimate, alone[name]))
        assert width == pytest.approx(one, rel=0.15), name
        assert width > 1.5 * (naive[name].interval.high - naive[name].interval.low), name
        assert estimate.method.endswith(", of 120 groups")


def test_groups_of_one_are_items():
    made = told(count=80)
    assert measure_fully(made, groups=np.arange(80)[::-1]) == measure_fully(made)


def test_the_interval_of_the_calibration_error_knows_of_its_bias():
    honest, boastful = told(2000, seed=1), told(2000, seed=1, surplus=2.0)
    good, bad = calibration_error(honest), calibration_error(boastful)
    assert good.value > 0.01 and good.interval.low == 0.0
    assert bad.interval.low > good.interval.high


def test_a_class_counts_how_often_it_was_predicted():
    made = told()
    rows = measure_fully(made).per_class
    assert [row.predicted for row in rows] == np.bincount(made.predicted).tolist()
    for row in rows:
        assert row.precision_interval.low < row.precision < row.precision_interval.high
