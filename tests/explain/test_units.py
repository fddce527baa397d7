"""Dead and saturated units are counted by their definitions, for every kind and family."""

import numpy as np
import pytest
import torch
from networks import FAMILIES, network, pictures, same, state

from kenspeckle.explain.activation_kinds import KINDS
from kenspeckle.explain.units import unit_states
from kenspeckle.models.families import build_model
from kenspeckle.models.layers import ACTIVATIONS
from kenspeckle.models.mlp import MlpConfig


def dense(activation, biases):
    """One hidden layer that gives activation(bias) whatever the picture, and varied answers."""
    config = MlpConfig(hidden=(len(biases),), activation=activation)
    net = build_model(config, shape=(1, 4, 4), outputs=3).eval()
    net.dense1.weight.data.zero_()
    net.dense1.bias.data.copy_(torch.tensor(biases))
    return net


IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)


@pytest.mark.parametrize(
    ("activation", "dead", "saturated"),
    [  # with inputs of -9, -0.5, 0.5 and 9
        ("relu", [1, 1, 0, 0], [0, 0, 0, 0]),
        ("leaky-relu", [1, 1, 0, 0], [0, 0, 0, 0]),
        ("gelu", [1, 1, 0, 0], [0, 0, 0, 0]),
        ("silu", [1, 1, 0, 0], [0, 0, 0, 0]),
        ("elu", [1, 1, 0, 0], [1, 0, 0, 0]),
        ("tanh", [1, 1, 1, 1], [1, 0, 0, 1]),  # they never change
        ("sigmoid", [1, 1, 1, 1], [1, 0, 0, 1]),
    ],
)
def test_each_kind_has_its_own_dead_and_saturated_units(activation, dead, saturated):
    row = unit_states(dense(activation, [-9.0, -0.5, 0.5, 9.0]), IMAGES).layers[0]
    assert (row.layer, row.kind.name) == ("dense1", activation)
    assert row.is_dead.tolist() == [bool(value) for value in dead]
    assert row.is_saturated.tolist() == [bool(value) for value in saturated]


def test_every_activation_of_ours_has_a_definition():
    assert {kind.__name__ for kind in ACTIVATIONS.values()} <= KINDS.keys()


def test_one_active_place_in_one_picture_keeps_a_unit_alive():
    net = dense("relu", [-1.0, -1.0])
    net.dense1.weight.data[0, 5] = 1.0
    images = np.zeros((600, 4, 4, 1), dtype=np.uint8)
    assert unit_states(net, images).layers[0].dead == 1.0
    images[599, 1, 1] = 255
    net.scale.deviation.fill_(1.0)
    row = unit_states(net, images).layers[0]
    assert row.is_dead.tolist() == [False, True]
    assert row.silent == pytest.approx(1199 / 1200)


def test_maps_count_by_channel():
    net, images = network("convnet"), pictures("convnet", 20)
    net.block2.norm.weight.data[1] = 0
    net.block2.norm.bias.data[1] = -1
    row = next(row for row in unit_states(net, images).layers if row.layer == "block2")
    assert row.is_dead.tolist() == [unit == 1 for unit in range(6)]


def test_the_softmax_counts_classes_that_are_always_near_0_or_1():
    net = dense("relu", [1.0])
    net.head.weight.data.zero_()
    net.head.bias.data.copy_(torch.tensor([0.0, 0.0, -20.0]))
    row = unit_states(net, IMAGES).layers[-1]
    assert row.layer == "output"
    assert row.is_saturated.tolist() == [False, False, True]
    assert row.flat == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_counted_and_left_as_it_was(name):
    net = network(name).train()
    before = state(net)
    found = unit_states(net, pictures(name, 4))
    assert same(before, state(net))
    assert len(found.layers) == 1 if name == "softmax" else len(found.layers) > 1
    assert found.layers[-1].layer == "output"
    assert "dead" in found.description


def test_the_description_says_how_many_and_what_the_words_mean():
    found = unit_states(dense("relu", [-1.0, 1.0]), IMAGES)
    assert found.description == (
        "Of 2 hidden units, dead on all 40 pictures: 1; saturated: 0; the largest share of dead "
        "ones is in dense1 (50%). A relu unit is dead if no output is above 0 at any place of any "
        "picture; it does not saturate. A class is dead if its outputs differ by less than 0.01 "
        "over all pictures, and saturated if its probability is at most 0.01 or at least 0.99 in "
        "95% or more of the cases."
    )
