"""Looking at layers by name changes nothing in the network."""

import numpy as np
import pytest
import torch

from kenspeckle.errors import ConfigError
from kenspeckle.explain.layers import activations, hidden_layer, layer_names, pre_activations
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1), dtype=np.uint8)


def network(config=None):
    return build_model(config or ConvNetConfig(), shape=(1, 28, 28), outputs=3)


def test_activations_are_what_the_layer_gives():
    net = network(MlpConfig(hidden=(5,)))
    found = activations(net, IMAGES, "activation1")
    pixels = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    expected = torch.relu(net.dense1(net.flatten(net.scale(pixels))))
    assert np.allclose(found, expected.detach().numpy(), atol=1e-5)
    assert activations(network(), IMAGES, "block2").shape == (7, 32, 6, 6)


def test_looking_leaves_the_network_as_it_was():
    net = network().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    activations(net, IMAGES, "block1")
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_an_unknown_layer_offers_the_nearest():
    with pytest.raises(ConfigError, match="unknown layer 'block9'; did you mean 'block"):
        activations(network(), IMAGES, "block9")


def test_the_hidden_layer_is_the_last_activation():
    assert hidden_layer(network(MlpConfig(hidden=(8, 4)))) == "activation2"
    assert hidden_layer(network()) == "block4.activation"
    with pytest.raises(ConfigError, match="no hidden layer; softmax regression has none"):
        hidden_layer(network(MlpConfig(hidden=())))


def test_pre_activations_have_the_names_of_their_layers():
    net = network(MlpConfig(hidden=(8, 4))).eval()
    pixels = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    with pre_activations(net) as found:
        net(pixels)
    assert list(found) == ["dense1", "dense2", "logits"]
    assert torch.allclose(found["dense1"], net.dense1(net.flatten(net.scale(pixels))))


def test_every_layer_can_be_looked_at():
    for name in layer_names(network()):
        assert len(activations(network(), IMAGES, name)) == 7
