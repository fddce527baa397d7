"""Sets of classes: what is promised, measured on items that nothing was fitted on."""

import math

import numpy as np
import pytest
from test_metrics import told

from kenspeckle.errors import DataError
from kenspeckle.evaluation.conformal import fit_sets, measure_sets


@pytest.mark.parametrize("scores", ["lac", "aps"])
@pytest.mark.parametrize("surplus", [1.0, 3.0])
def test_the_sets_hold_the_label_as_often_as_promised_however_wrong_the_probabilities(
    scores, surplus
):
    shares = []
    for seed in range(60):
        rule = fit_sets(told(200, seed=seed, surplus=surplus), scores=scores)
        found = measure_sets(rule, told(1000, seed=1000 + seed, surplus=surplus))
        shares.append(found.coverage.value)
    assert np.mean(shares) == pytest.approx(0.9, abs=0.012)


def test_believing_the_probabilities_would_not_hold_the_promise():
    made = told(20_000, surplus=3.0)
    ranked = -np.sort(-made.probabilities, axis=1)
    sizes = (np.cumsum(ranked, axis=1) < 0.9).sum(axis=1) + 1
    own = np.take_along_axis(made.probabilities, made.labels[:, None], axis=1)
    places = (made.probabilities > own).sum(axis=1)
    assert (places < sizes).mean() < 0.87  # the control


def test_lac_is_the_quantile_of_what_is_missing_from_the_labels():
    made = told(99)
    own = made.probabilities[np.arange(99), made.labels].astype(float)
    rule = fit_sets(made, wanted=0.9)
    assert rule.quantile == np.sort(1 - own)[89]  # the 90th of 99
    assert (
        rule.sets(made.probabilities) == (1 - made.probabilities.astype(float) <= rule.quantile)
    ).all()


def test_aps_evens_out_the_classes_and_lac_makes_smaller_sets():
    small, even = (
        measure_sets(fit_sets(told(5000), scores=scores), told(5000, seed=1))
        for scores in ("lac", "aps")
    )
    assert small.mean_size < even.mean_size


def test_figures_of_classes_add_up():
    found = measure_sets(fit_sets(told(500)), told(800, seed=1))
    rows = found.per_class
    assert sum(row.coverage.n for row in rows) == found.coverage.n == 800
    total = sum(row.coverage.value * row.coverage.n for row in rows)
    assert total / 800 == pytest.approx(found.coverage.value)
    assert sum(row.mean_size * row.coverage.n for row in rows) / 800 == pytest.approx(
        found.mean_size
    )


def test_too_few_items_put_every_class_into_every_set():
    rule = fit_sets(told(8))
    assert rule.quantile == math.inf
    assert measure_sets(rule, told(50)).mean_size == 4.0


def test_nothing_to_fit_on_is_refused():
    nothing = told(5).take(np.array([], dtype=int))
    with pytest.raises(DataError) as caught:
        fit_sets(nothing)
    assert str(caught.value) == "sets of classes need predictions to be fitted on, got none"


def test_unknown_scores_are_refused():
    with pytest.raises(ValueError, match="scores must be lac or aps, got 'raps'"):
        fit_sets(told(50), scores="raps")
