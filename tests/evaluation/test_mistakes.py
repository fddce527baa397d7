"""Which items are mistakes and which cost the most, against a slow obvious version."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

import kenspeckle as ks
from kenspeckle.evaluation.mistakes import mistakes, top_losses


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(4)
    return ks.Predictions(
        probabilities=rng.dirichlet(np.ones(4), 200).astype(np.float32),
        labels=rng.integers(0, 4, 200),
        class_names=tuple("abcd"),
        split="validation",
    )


def test_mistakes_are_all_wrong_items_with_the_surest_first(predictions):
    found = mistakes(predictions)
    rows = zip(predictions.probabilities, predictions.labels, strict=True)
    wrong = [item for item, (row, label) in enumerate(rows) if row.argmax() != label]
    assert sorted(answer.item for answer in found) == wrong
    assert not any(answer.is_right for answer in found)
    sure = [answer.probability for answer in found]
    assert sure == sorted(sure, reverse=True)


def test_the_losses_are_those_of_scikit_learn(predictions):
    found = top_losses(predictions, 200)
    expected = log_loss(predictions.labels, predictions.probabilities, labels=range(4))
    assert np.mean([answer.loss for answer in found]) == pytest.approx(expected, rel=1e-5)


def test_the_worst_comes_first_and_no_more_than_asked_for(predictions):
    losses = [answer.loss for answer in top_losses(predictions, 12)]
    assert len(losses) == 12 and losses == sorted(losses, reverse=True)
