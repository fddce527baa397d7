"""Embeddings: axes of known data, agreement of neighbours against a slow count, and its control."""

import numpy as np
import pytest
from conftest import bars

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.explain.embedding import embedding
from kenspeckle.explain.vectors import vectors
from kenspeckle.model_file import load
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig


def network(run):
    return load(run.model_file).network


def test_principal_components_are_those_of_sklearn(run, dataset):
    from sklearn.decomposition import PCA

    found = embedding(network(run), dataset)
    values = vectors(network(run), dataset.images, "pool")
    expected = PCA(2, svd_solver="full").fit(values.astype(np.float64))
    assert found.layer == "pool"
    assert found.explained == pytest.approx(expected.explained_variance_ratio_, rel=1e-6)
    assert np.allclose(np.abs(found.positions), np.abs(expected.transform(values)), atol=1e-4)


def test_neighbours_agree_as_a_slow_count_says(run):
    data = bars(60, seed=3)
    found = embedding(network(run), data)
    values = vectors(network(run), data.images, "pool").astype(np.float64)
    distances = np.linalg.norm(values[:, None] - values[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    near = data.labels[np.argsort(distances, axis=1)[:, :10]]
    assert found.agreement == pytest.approx((near == data.labels[:, None]).mean(), abs=0.01)
    assert found.chance == pytest.approx(19 / 59)


def test_control_labels_that_mean_nothing_agree_by_chance():
    data = bars(240)
    labels = np.random.default_rng(0).permutation(data.labels)
    shuffled = memory_dataset(data.images, labels, class_names=data.class_names)
    untrained = build_model(MlpConfig(hidden=(20,)), shape=(1, 28, 28), outputs=3)
    found = embedding(untrained, shuffled)
    assert abs(found.agreement - found.chance) < 0.06


def test_tsne_is_the_same_for_the_same_seed(run):
    data = bars(60)
    first, second = (embedding(network(run), data, method="tsne", seed=4) for _ in range(2))
    assert np.array_equal(first.positions, second.positions)
    assert first.perplexity == 19.0
    assert first.explained is None
    assert "sizes mean nothing" in first.description


def test_pictures_are_chosen_evenly_and_it_says_so(run, dataset):
    found = embedding(network(run), dataset, most=30)
    assert found.labels.shape == (30,)
    assert np.array_equal(found.images[-1], dataset.images[-1])
    assert "30 pictures, evenly chosen from 240" in found.description


@pytest.mark.parametrize("layer", ["block1", "block2.norm", "head", "scale"])
def test_each_layer_can_be_embedded(run, layer):
    assert embedding(network(run), bars(12), layer=layer).positions.shape == (12, 2)


def test_a_layer_of_one_unit_lies_on_a_line(dataset):
    one = build_model(MlpConfig(hidden=(1,)), shape=(1, 28, 28), outputs=3)
    found = embedding(one, dataset, layer="dense1")
    assert not found.positions[:, 1].any()
    assert found.explained == (1.0, 0.0)


def test_bad_requests_are_named(run, dataset):
    with pytest.raises(DataError, match="an embedding takes 4 to 2,000 pictures, got 5,000"):
        embedding(network(run), dataset, most=5000)
    with pytest.raises(DataError, match="bars: an embedding needs at least 4 pictures, got 3"):
        embedding(network(run), bars(3))
    with pytest.raises(ConfigError, match="unknown layer 'blok1'; did you mean 'block1'"):
        embedding(network(run), dataset, layer="blok1")
