"""The confusion matrix against scikit-learn; its pairs and its parts."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

import kenspeckle as ks
from kenspeckle.evaluation.confusion import confusion


def predictions(labels, predicted, classes):
    return ks.Predictions(
        probabilities=np.eye(classes, dtype=np.float32)[predicted],
        labels=np.asarray(labels, dtype=np.int64),
        class_names=tuple(f"class {number}" for number in range(classes)),
        split="validation",
    )


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_counts_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    labels, predicted = rng.integers(0, classes, (2, 3000))
    found = confusion(predictions(labels, predicted, classes))
    expected = confusion_matrix(labels, predicted, labels=range(classes))
    assert np.array_equal(found.counts, expected)


def test_pairs_come_with_the_most_frequent_first():
    found = confusion(predictions([0, 0, 0, 1, 2, 2], [0, 2, 2, 0, 2, 1], 3))
    assert [(pair.label, pair.predicted, pair.count, pair.n) for pair in found.pairs] == [
        (0, 2, 2, 3),
        (1, 0, 1, 1),
        (2, 1, 1, 2),
    ]
    assert found.mistakes == sum(pair.count for pair in found.pairs) == 4


def test_a_part_holds_the_classes_with_the_most_mistakes_and_sums_the_others():
    found = confusion(predictions([0, 1, 1, 1, 3, 3], [0, 1, 3, 3, 1, 2], 4))
    part = found.part(2)
    assert part.labels == (1, 3)
    assert part.counts.tolist() == [[1, 2], [1, 0]]
    assert part.others.tolist() == [0, 1]
    assert (part.mistakes, part.n.tolist()) == (3, [3, 2])


def test_a_part_of_few_classes_is_the_whole():
    found = confusion(predictions([0, 1], [1, 1], 2))
    assert np.array_equal(found.part(20).counts, found.counts)
