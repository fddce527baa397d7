"""Figures against scikit-learn and against known truths."""

import dataclasses
import time

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_recall_fscore_support, top_k_accuracy_score

from kenspeckle.errors import DataError
from kenspeckle.evaluation.accuracy import measure, top_k, wilson
from kenspeckle.predictions import Predictions, load_predictions


def some(count=500, classes=6, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    labels = rng.integers(0, classes, count)
    names = tuple("abcdefgh"[:classes])
    return Predictions(
        probabilities=probabilities, labels=labels, class_names=names, split="validation"
    )


def test_figures_agree_with_scikit_learn():
    made = some()
    got = measure(made)
    precision, recall, _, support = precision_recall_fscore_support(made.labels, made.predicted)
    assert [row.precision for row in got.per_class] == pytest.approx(precision.tolist())
    assert [row.recall for row in got.per_class] == pytest.approx(recall.tolist())
    assert [row.n for row in got.per_class] == support.tolist()
    assert got.accuracy == (made.predicted == made.labels).mean()
    exact = made.probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert got.nll == pytest.approx(log_loss(made.labels, exact), rel=1e-5)
    for k, value in got.top_k.items():
        want = top_k_accuracy_score(made.labels, made.probabilities, k=k)
        assert value == pytest.approx(want)


def test_the_interval_is_the_one_of_wilson_1927():
    # a published example: 81 of 263 (Newcombe 1998, Statistics in Medicine 17, table I, method 3)
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_the_interval_of_everything_right_is_not_a_point():
    found = wilson(10, 10)
    assert found.low < 0.75 and found.high == 1.0


def test_top_k_grows_to_one():
    made = some()
    values = [top_k(made, k) for k in range(1, 7)]
    assert values == sorted(values) and values[-1] == 1.0


def test_ties_are_decided_as_the_prediction_decides_them():
    even = np.full((4, 3), 1 / 3, dtype=np.float32)
    made = Predictions(
        probabilities=even, labels=np.array([0, 0, 1, 2]), class_names=("a", "b", "c"), split="test"
    )
    assert top_k(made, 1) == measure(made).accuracy == 0.5


def test_top_k_counts_as_sorting_does():
    made = some()
    coarse = np.round(made.probabilities * 4).astype(np.float32)  # many ties
    made = dataclasses.replace(made, probabilities=coarse)
    for k in range(1, 7):
        best = np.argsort(-coarse, axis=1, kind="stable")[:, :k]
        assert top_k(made, k) == (best == made.labels[:, np.newaxis]).any(axis=1).mean()


def test_a_thousand_classes_are_measured_in_seconds():
    count, classes = 20_000, 1000
    rng = np.random.default_rng(0)
    made = Predictions(
        probabilities=rng.random((count, classes), dtype=np.float32),
        labels=rng.integers(0, classes, count),
        class_names=tuple(map(str, range(classes))),
        split="test",
    )
    began = time.process_time()
    assert len(measure(made).per_class) == classes
    assert time.process_time() - began < 3  # 0.5 s; sorting the probabilities takes 8 s


def test_a_class_that_never_occurs_has_no_share():
    made = Predictions(
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32),
        labels=np.array([0, 0]),
        class_names=("a", "b"),
        split="test",
    )
    absent = measure(made).per_class[1]
    assert np.isnan(absent.recall) and np.isnan(absent.precision)
    assert (absent.interval.low, absent.interval.high) == (0.0, 1.0)


def test_a_sure_mistake_costs_much_but_not_infinitely():
    made = Predictions(
        probabilities=np.array([[1.0, 0.0]], dtype=np.float32),
        labels=np.array([1]),
        class_names=("a", "b"),
        split="test",
    )
    assert 80 < measure(made).nll < 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(3, dtype=np.int64)}, "got 3 labels and 2 names"),
        ({"labels": np.array([0, 2])}, "labels must be in 0..1, got 0..2"),
        ({"class_names": ("a",)}, "2 x 2 probabilities need 2 labels and 2 class names"),
        ({"probabilities": np.full((2, 2), np.nan)}, "probabilities must be finite"),
        ({"probabilities": np.ones(2)}, r"probabilities must have shape \(N, K\)"),
    ],
)
def test_predictions_that_do_not_fit_together_are_refused(change, message):
    good = {
        "probabilities": np.full((2, 2), 0.5, dtype=np.float32),
        "labels": np.array([0, 1]),
        "class_names": ("a", "b"),
        "split": "test",
    }
    with pytest.raises(DataError, match=message):
        Predictions(**{**good, **change})


def test_predictions_survive_a_round_trip(tmp_path):
    made = some()
    made.save(tmp_path / "p.npz")
    back = load_predictions(tmp_path / "p.npz")
    assert np.array_equal(back.probabilities, made.probabilities)
    assert np.array_equal(back.labels, made.labels)
    assert (back.class_names, back.split) == (made.class_names, made.split)


def test_a_file_that_holds_no_predictions_is_named(tmp_path):
    path = tmp_path / "p.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match=f"{path}: cannot be read as predictions"):
        load_predictions(path)
