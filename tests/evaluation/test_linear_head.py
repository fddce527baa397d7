"""The linear head: an oracle, and the promises of its cross-validation."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kenspeckle.errors import DataError
from kenspeckle.evaluation.linear_head import fit_linear_head
from kenspeckle.folds import grouped_folds


def problem(count=240, *, features=30, classes=4, noise=1.5, seed=0):
    """Features around one centre for each class, of very different scales; and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = rng.standard_normal((classes, features))
    found = centres[labels] + noise * rng.standard_normal((count, features))
    scales = np.logspace(-2, 2, features)
    return (found * scales + 5 * scales).astype(np.float32), labels


def shares(head, features):
    logits = features.astype(np.float64) @ head.weights.T.astype(np.float64) + head.bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def oracle(features, labels, strength, class_weight=None):
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    penalty = 1 / (len(labels) * strength)
    model = LogisticRegression(C=penalty, tol=1e-8, max_iter=5000, class_weight=class_weight)
    return model.fit(standard.astype(np.float64), labels).predict_proba(standard)


@pytest.mark.parametrize("strength", [3.0, 0.1, 0.01])
@pytest.mark.parametrize(("count", "features"), [(240, 30), (60, 200)])
def test_a_fixed_strength_gives_the_probabilities_of_scikit_learn(strength, count, features):
    given, labels = problem(count, features=features)
    head = fit_linear_head(given, labels, classes=4, strengths=(strength,))
    assert np.abs(shares(head, given) - oracle(given, labels, strength)).max() < 1e-3


def test_balanced_classes_are_those_of_scikit_learn():
    given, labels = problem()
    kept = (labels > 0) | (np.arange(len(labels)) < 40)
    given, labels = given[kept], labels[kept]
    head = fit_linear_head(given, labels, classes=4, strengths=(0.1,), class_weights="balanced")
    found = shares(head, given)
    assert np.abs(found - oracle(given, labels, 0.1, "balanced")).max() < 1e-3
    assert np.abs(found - oracle(given, labels, 0.1)).max() > 0.02


def test_the_strength_has_the_least_log_loss_of_the_scores():
    given, labels = problem(noise=4)
    head = fit_linear_head(given, labels, classes=4)
    best = min(head.scores, key=lambda score: score.log_loss)
    assert head.strength == best.strength
    assert best.log_loss < min(head.scores[0].log_loss, head.scores[-1].log_loss)


def test_labels_that_mean_nothing_are_predicted_no_better_than_by_chance():
    given, labels = problem(400, features=300)
    shuffled = np.random.default_rng(1).permutation(labels)
    head = fit_linear_head(given, shuffled, classes=4)
    assert (head.probabilities.argmax(axis=1) == shuffled).mean() < 0.35
    assert min(score.log_loss for score in head.scores) > np.log(4) - 0.1


def test_control_the_head_itself_knows_the_meaningless_labels_that_it_saw():
    given, labels = problem(400, features=300)
    shuffled = np.random.default_rng(1).permutation(labels)
    head = fit_linear_head(given, shuffled, classes=4, strengths=(0.003,))
    assert (shares(head, given).argmax(axis=1) == shuffled).mean() > 0.9


def copies():
    """Every item 4 times, nearly the same, with labels that mean nothing."""
    rng = np.random.default_rng(0)
    given = np.repeat(rng.standard_normal((60, 100)), 4, axis=0)
    labels = np.repeat(rng.permutation(np.arange(60) % 3), 4)
    noise = 0.01 * rng.standard_normal(given.shape)
    return (given + noise).astype(np.float32), labels, np.repeat(np.arange(60), 4)


def test_copies_in_one_group_do_not_flatter():
    given, labels, groups = copies()
    head = fit_linear_head(given, labels, classes=3, groups=groups)
    assert (head.probabilities.argmax(axis=1) == labels).mean() < 0.6
    assert all(len(set(head.folds[groups == group])) == 1 for group in range(60))


def test_control_copies_without_groups_flatter():
    given, labels, _ = copies()
    head = fit_linear_head(given, labels, classes=3)
    assert (head.probabilities.argmax(axis=1) == labels).mean() > 0.9


def test_every_fold_has_its_share_of_every_class():
    labels = np.repeat([0, 1, 2], [100, 23, 5])
    folds = grouped_folds(labels, np.arange(128), folds=5)
    table = np.array([np.bincount(labels[folds == fold], minlength=3) for fold in range(5)])
    assert (table.max(axis=0) - table.min(axis=0) <= 1).all()
    assert table.sum(axis=1).max() - table.sum(axis=1).min() <= 1


def test_the_same_input_gives_the_same_head():
    given, labels = problem()
    first, second = (fit_linear_head(given, labels, classes=4) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.probabilities.tobytes() == second.probabilities.tobytes()


def test_a_class_of_one_item_is_fitted_and_counted_against_the_score():
    given, labels = problem(81)
    labels[80] = 4
    given[80] += 100 * given.std(axis=0)
    head = fit_linear_head(given, labels, classes=5)
    assert shares(head, given)[80].argmax() == 4
    assert 0 < head.probabilities[80, 4] < 0.1
    assert np.allclose(head.probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_feature_that_never_changes_has_no_weight():
    given, labels = problem()
    given[:, 3], given[:, 4] = 0, 1000.1
    head = fit_linear_head(given, labels, classes=4, strengths=(0.1,))
    assert not head.weights[:, 3:5].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(5, int)}, "5 labels need features of shape (5, D), got (12, 30)"),
        ({"classes": 5}, "class 4 has no item to learn from"),
        ({"classes": 1}, "a classifier needs 2 classes or more, got 1"),
        ({"classes": 3}, "labels must be in 0..2, got 0 to 3"),
        ({"features": np.full((12, 30), np.nan)}, "features hold NaN or infinity"),
        (
            {"groups": np.zeros(12, int)},
            "cross-validation needs items of 2 groups or more, got 1",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_reason(change, message):
    features, labels = problem(12)
    given = {"features": features, "labels": labels, "classes": 4} | change
    with pytest.raises(DataError) as caught:
        fit_linear_head(**given)
    assert str(caught.value) == message
