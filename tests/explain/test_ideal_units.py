"""Ideal pictures of units: the unit is excited as nothing else does, and the network is kept."""

import numpy as np
import pytest
import torch
from conftest import bars

from kenspeckle.errors import ConfigError
from kenspeckle.explain.ideal_units import ideal_units
from kenspeckle.explain.picture_descent import IdealInputsConfig
from kenspeckle.model_file import load

CONFIG = IdealInputsConfig(l2=0.0, steps=30)


def found(run, layer, units, **settings):
    model = load(run.model_file)
    return ideal_units(model.network, layer, units, shape=model.shape, config=CONFIG, **settings)


def test_units_are_excited_more_than_by_any_real_picture(run):
    pictures = found(run, "block1.norm", (0, 3), compare=bars(60).images)
    assert pictures.images.shape == (2, 28, 28, 1)
    assert (pictures.reached > pictures.strongest).all()
    assert "2 of 2 excite their unit more than any of 60 real pictures" in pictures.description


@pytest.mark.parametrize("layer", ["block2.activation", "block2", "pool", "head"])
def test_each_kind_of_layer_has_units(run, layer):
    assert np.isfinite(found(run, layer, [1]).reached).all()


def test_an_activation_is_looked_at_before_it_is_applied(run):
    before, after = (
        found(run, layer, [2]).images for layer in ("block2.norm", "block2.activation")
    )
    assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("layer", "units", "message"),
    [
        ("block2", (8,), "layer block2 has units 0 to 7, got unit 8"),
        ("block2", (-1,), "layer block2 has units 0 to 7, got unit -1"),
        ("block2", (), "layer block2 has units 0 to 7, got no unit"),
        ("block9", (0,), "unknown layer 'block9'; did you mean 'block"),
    ],
)
def test_what_does_not_exist_is_named(run, layer, units, message):
    with pytest.raises(ConfigError, match=message):
        found(run, layer, units)


def test_the_network_is_left_as_it_was(run):
    model = load(run.model_file)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    ideal_units(model.network, "block1", [0], shape=model.shape, config=CONFIG)
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.network.modules())
    assert not model.network.training
