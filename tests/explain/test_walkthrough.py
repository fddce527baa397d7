"""A walk through a network: the answers of its layers are those that each gives alone."""

import numpy as np
import pytest

from kenspeckle.explain.activation_maps import activation_maps
from kenspeckle.explain.walkthrough import walk
from kenspeckle.model_file import load
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.resnet import ResNetConfig


@pytest.fixture(scope="module")
def network(run):
    return load(run.model_file).network


def test_every_layer_answers_as_it_does_alone(network, dataset):
    found = walk(network, dataset.images[0])
    assert [each.layer for each in found] == ["block1.activation", "block2.activation"]
    for each in found:
        alone = activation_maps(network, dataset.images[:1], each.layer)
        assert np.array_equal(each.maps, alone.maps[0])
        assert np.array_equal(each.order, alone.order[0])


def test_a_layer_without_places_gives_numbers():
    network = build_model(MlpConfig(hidden=(7,)), shape=(1, 28, 28), outputs=3).eval()
    (found,) = walk(network, np.full((28, 28, 1), 200, dtype=np.uint8))
    assert (found.layer, found.maps.shape, found.is_numbers) == ("activation1", (7, 1, 1), True)


def test_of_many_layers_those_from_the_first_to_the_last_are_walked():
    network = build_model(ResNetConfig(), shape=(3, 32, 32), outputs=3).eval()
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    few, all_of_them = (walk(network, picture, most=most) for most in (3, 100))
    names = [each.layer for each in all_of_them]
    assert len(few) == 3
    assert (few[0].layer, few[-1].layer) == (names[0], names[-1])
    assert len(names) > 3


def test_the_network_stays_as_it_was(network, dataset):
    hooks = sum(len(module._forward_hooks) for module in network.modules())
    walk(network, dataset.images[0])
    assert sum(len(module._forward_hooks) for module in network.modules()) == hooks
    assert not network.training
