"""Networks: shapes, sizes, starts, and the errors of impossible ones."""

import pytest
import torch

from kenspeckle.errors import ConfigError
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.deep_mnist import DeepMnistConfig
from kenspeckle.models.families import MODELS, build_model, outline
from kenspeckle.models.initialization import INITIALIZERS, InitializationConfig, initialize
from kenspeckle.models.layers import Dropout, Scale, reseed
from kenspeckle.models.mlp import MlpConfig

CONFIGS = [ConvNetConfig(), DeepMnistConfig(), MlpConfig(), MlpConfig(hidden=())]


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config))
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 40)])
def test_a_network_maps_pictures_to_logits(config, shape):
    network = build_model(config, shape=shape, classes=7)
    assert network(torch.rand(2, *shape) * 255).shape == (2, 7)


def test_every_family_is_tried_here():
    assert {config.name for config in CONFIGS} == set(MODELS)


def test_deep_mnist_has_the_size_of_the_document():
    network = build_model(DeepMnistConfig(), shape=(1, 28, 28), classes=10)
    convolutions = (5 * 5 * 32 + 32) + (5 * 5 * 32 * 64 + 64)
    dense = (7 * 7 * 64 * 1024 + 1024) + (1024 * 10 + 10)
    assert parameters(network) == convolutions + dense


def test_softmax_regression_is_one_matrix():
    assert parameters(build_model(MlpConfig(hidden=()), shape=(1, 28, 28), classes=10)) == 7850


def test_an_outline_allocates_nothing():
    huge = outline(MlpConfig(hidden=(65536,) * 50), shape=(1, 28, 28), classes=10)
    assert all(parameter.is_meta for parameter in huge.parameters())


def test_a_network_that_is_too_large_is_refused():
    with pytest.raises(ConfigError, match="model mlp would have 4,"):
        build_model(MlpConfig(hidden=(65536, 65536)), shape=(1, 28, 28), classes=10)


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(ConfigError, match="pictures of 8 x 8 are too small for block"):
        build_model(ConvNetConfig(), shape=(1, 8, 8), classes=10)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config))
def test_building_a_network_leaves_the_random_numbers_of_others_alone(config):
    before = torch.get_rng_state()
    build_model(config, shape=(1, 28, 28), classes=10)
    assert torch.equal(torch.get_rng_state(), before)


def test_control_a_family_by_itself_draws_random_numbers():
    before = torch.get_rng_state()
    MODELS["mlp"](MlpConfig(), shape=(1, 28, 28), classes=10)
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_depends_on_its_seed_alone(name):
    def weights(seed):
        network = build_model(ConvNetConfig(), shape=(1, 28, 28), classes=10)
        initialize(network, InitializationConfig(name=name, scale=0.1), seed=seed)
        return torch.cat([p.flatten() for p in network.parameters()])

    torch.rand(3)
    first = weights(1)
    assert torch.equal(first, weights(1))
    assert name == "zeros" or not torch.equal(first, weights(2))


@pytest.mark.parametrize(
    ("name", "deviation"),
    [("normal", 0.1), ("truncated-normal", 0.088), ("he", 0.1 * (2 / 1000) ** 0.5)],
)
def test_an_initializer_has_the_spread_that_it_promises(name, deviation):
    network = torch.nn.Linear(1000, 500)
    initialize(network, InitializationConfig(name=name, scale=0.1, bias=0.3), seed=0)
    assert float(network.weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert network.bias.tolist() == pytest.approx([0.3] * 500)


def test_scale_learns_the_statistics_of_the_pictures():
    images = torch.randint(0, 256, (50, 3, 9, 9), dtype=torch.uint8)
    scale = Scale(3)
    scale.learn(images)
    out = scale(images.float())
    assert torch.allclose(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(out.std(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)


def test_scale_of_a_constant_channel_is_finite():
    scale = Scale(1)
    scale.learn(torch.full((4, 1, 3, 3), 7, dtype=torch.uint8))
    assert torch.equal(scale(torch.full((1, 1, 3, 3), 7.0)), torch.zeros(1, 1, 3, 3))


def test_dropout_repeats_when_it_is_keyed_again():
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), Dropout(0.5))
    ones = torch.ones(1000, 4)

    def draw(*key):
        reseed(network, *key)
        return network[1](ones)

    first = draw(1, 2, 3)
    assert torch.equal(first, draw(1, 2, 3))
    assert not torch.equal(first, draw(1, 2, 4))
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert float(first.mean()) == pytest.approx(1.0, abs=0.1)


def test_dropout_does_nothing_in_evaluation():
    layer = Dropout(0.5).eval()
    assert torch.equal(layer(torch.ones(5)), torch.ones(5))
