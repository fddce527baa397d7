"""The loss around a solution: known in the middle, kept weights, filters that move alike."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import bars

from kenspeckle.errors import DataError
from kenspeckle.explain.loss_surface import loss_surface
from kenspeckle.inference import outputs
from kenspeckle.model_file import load
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.mlp import MlpConfig

HEAD = ClassHead(3)


def surface(network, **settings):
    return loss_surface(network, bars(60), HEAD, **{"points": 5, **settings})


def test_the_middle_is_the_loss_of_the_solution():
    network = build_model(MlpConfig(hidden=(6,)), shape=(1, 28, 28), outputs=3)
    found = surface(network)
    data = bars(60)
    expected = F.cross_entropy(outputs(network, data.images), torch.from_numpy(data.labels))
    assert found.centre == pytest.approx(float(expected), rel=1e-5)
    assert found.centre == pytest.approx(found.running, rel=1e-6)
    assert np.allclose(found.losses[2], found.line_losses[::2])
    assert found.norms == 0


def test_weights_and_statistics_stay_bit_for_bit(run):
    network = load(run.model_file).network
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    found = surface(network)
    assert found.norms == 2
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes


def test_control_a_pass_in_training_would_change_the_statistics(run):
    network = load(run.model_file).network.train()
    before = network.block1.norm.running_mean.clone()
    network(torch.rand(4, 1, 28, 28) * 255)
    assert not torch.equal(before, network.block1.norm.running_mean)


def test_a_solution_lies_lower_than_what_is_around_it(run):
    found = surface(load(run.model_file).network)
    assert found.rise > 0
    assert found.losses.argmin() == 12
    assert "at the solution" in found.description
    assert "Batch norm takes its statistics anew" in found.description


def test_few_pictures_keep_the_running_statistics(run):
    found = surface(load(run.model_file).network, most=20, points=3)
    assert found.centre == pytest.approx(found.running, rel=1e-5)
    assert "Batch norm keeps its running statistics" in found.description
    own = surface(load(run.model_file).network, most=40, points=3)
    assert own.centre != own.running


def test_filters_that_are_twice_as_large_make_the_same_surface():
    """Before a batch norm the size of a filter means nothing, and so it is here."""
    config = MlpConfig(hidden=(6,), norm="before")
    surfaces = []
    for factor in (1.0, 8.0):
        network = build_model(config, shape=(1, 28, 28), outputs=3)
        draws = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=draws) * 0.1)
            network.dense1.weight *= factor
            network.dense1.bias.zero_()
        surfaces.append(surface(network).losses)
    assert np.allclose(*surfaces, rtol=1e-2)


def test_the_same_seed_gives_the_same_slice(run):
    network = load(run.model_file).network
    first, second, other = (surface(network, points=3, seed=seed).losses for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": 4}, "points must be odd and at least 3, got 4"),
        ({"points": 1}, "points must be odd and at least 3, got 1"),
        ({"reach": 0.0}, "reach must be above 0, got 0.0"),
        ({"most": 1}, "a surface needs at least 2 pictures, got 1"),
    ],
)
def test_bad_settings_are_named(run, settings, message):
    with pytest.raises(DataError, match=message):
        surface(load(run.model_file).network, **settings)
