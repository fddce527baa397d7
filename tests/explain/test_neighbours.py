"""Nearest pictures: a picture finds itself, the order is that of a slow search."""

import numpy as np
import pytest
import torch
from conftest import bars

from kenspeckle.errors import DataError
from kenspeckle.explain.neighbours import nearest_pictures
from kenspeckle.explain.vectors import vectors
from kenspeckle.model_file import load
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import NumberHead
from kenspeckle.models.mlp import MlpConfig


@pytest.fixture(scope="module")
def network(run):
    return load(run.model_file).network


def test_a_training_picture_finds_itself_first(network, dataset):
    found = nearest_pictures(network, dataset, dataset.images[5:8], 3)
    assert found.indices[:, 0].tolist() == [5, 6, 7]
    assert np.allclose(found.distances[:, 0], 0, atol=1e-6)
    assert np.array_equal(found.found[:, 0], dataset.images[5:8])
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_neighbours_are_those_of_a_slow_search(network, dataset):
    asked = bars(4, seed=8).images
    found = nearest_pictures(network, dataset, asked, 4)
    known, wanted = (vectors(network, images, "pool") for images in (dataset.images, asked))
    for row, vector in enumerate(wanted):
        cosines = [
            float(vector @ other / np.linalg.norm(vector) / np.linalg.norm(other))
            for other in known
        ]
        assert np.allclose(1 - found.distances[row], sorted(cosines, reverse=True)[:4], atol=1e-5)
        assert np.array_equal(dataset.labels[found.indices[row]], found.labels[row])


def test_a_neighbour_of_another_class_is_counted(network, dataset):
    flipped = type(dataset)(
        source="flipped",
        images=dataset.images,
        labels=(dataset.labels + 1) % 3,
        class_names=dataset.class_names,
        official_test=dataset.official_test,
    )
    honest, wrong = (
        nearest_pictures(network, data, dataset.images[:6], 2) for data in (dataset, flipped)
    )
    assert wrong.disagreeing.mean() > honest.disagreeing.mean()
    assert f"{int(wrong.disagreeing.sum())} of 12 neighbours have another class" in (
        wrong.description
    )


@pytest.mark.parametrize(
    ("images", "k", "message"),
    [
        (bars(2).images, 0, "k must be in 1..240, got 0"),
        (bars(2).images, 241, "k must be in 1..240, got 241"),
        (bars(2).images[:0], 1, "no picture to look up; give at least one"),
        (bars(2, size=20).images, 1, "pictures must have the shape of the training data"),
    ],
)
def test_bad_requests_are_named(network, dataset, images, k, message):
    with pytest.raises(DataError, match=message):
        nearest_pictures(network, dataset, images, k)


def test_the_answer_of_a_model_that_tells_a_number_is_the_nearest_class(dataset):
    config = MlpConfig(hidden=(4,))
    shape = (dataset.images.shape[3], *dataset.images.shape[1:3])
    network = build_model(config, shape=shape, outputs=1)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.fill_(9.0)  # far above the mean of the numbers
    found = nearest_pictures(
        network, dataset, dataset.images[:2], 2, head=NumberHead((0.0, 1.0, 2.0))
    )
    assert found.predicted.tolist() == [2, 2]
    assert found.names == (dataset.class_names[2],) * 2
