"""Optimizers without pictures: known surfaces and a known inverse."""

import numpy as np
import pytest

from kenspeckle.experiments.descent import invert, race, random_matrix
from kenspeckle.experiments.optimization import RACERS
from kenspeckle.optim_config import AdamConfig, SgdConfig


def bowl(weights):
    return (weights**2).sum()


def test_gradient_descent_on_a_bowl_shrinks_by_a_constant_factor():
    path = race(SgdConfig(rate=0.1), surface=bowl, start=(1.0, -2.0), steps=5)
    expected = np.array([[1.0, -2.0]]) * 0.8 ** np.arange(6)[:, None]
    assert np.allclose(path.points, expected)
    assert np.allclose(path.costs, (expected**2).sum(axis=1))


def test_the_race_tells_the_story_of_the_document():
    costs = {name: race(config).costs for name, config in RACERS.items()}
    assert costs["SGD"][-1] > 100 * costs["Adam"][-1]
    assert costs["SGD"][-1] > 0.5
    momentum, adam = (race(RACERS[name]).points[:, 0].max() for name in ("momentum", "Adam"))
    assert momentum > 2.5 + 1.0  # shoots over the lowest point, which lies at 2.5
    assert adam < 2.5 + 0.2


def test_the_inverse_is_found():
    matrix = random_matrix(size=4, seed=3)
    found = invert(matrix, AdamConfig(name="adam", rate=0.02), steps=6000)
    assert found.residual < 1e-3
    assert np.allclose(found.inverse, np.linalg.inv(matrix), atol=1e-2)
    assert found.losses[0] == pytest.approx(4.0)  # of zeros: the identity alone


def test_a_matrix_without_an_inverse_is_refused():
    with pytest.raises(ValueError, match=r"the matrix of seed \d+ has no inverse; use another"):
        random_matrix(size=2, seed=singular_seed())


def singular_seed():
    """A seed whose 2 x 2 matrix is singular."""
    for seed in range(10_000):
        matrix = np.random.default_rng(seed).integers(0, 10, (2, 2)).astype(float)
        if np.linalg.matrix_rank(matrix) < 2:
            return seed
    raise AssertionError
