"""Maps of a layer by name: of every family, whatever the layout; nothing is left behind."""

import numpy as np
import pytest
import torch
from networks import FAMILIES, WITH_MAPS, network, pictures, same, state

from kenspeckle.errors import ConfigError, DataError
from kenspeckle.explain.activation_maps import activation_maps
from kenspeckle.explain.layers import activations, pixels
from kenspeckle.explain.maps import as_maps, last_maps, unit_axis
from kenspeckle.models.summary import summarize


def table(name):
    config, shape = FAMILIES[name]
    parts = dict(network(name).named_modules())  # a layer that is used again has the name of none
    return [row.name for row in summarize(config, shape=shape, outputs=3).rows if row.name in parts]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_of_the_table_can_be_looked_at(name):
    net, images = network(name), pictures(name, 2)
    with_maps = 0
    for layer in table(name):
        values = activations(net, images, layer)
        if values.ndim == 4 and len(values) == 2 and max(values.shape[1:]) > 1:
            with_maps += 1
            try:
                found = activation_maps(net, images, layer)
            except ConfigError as error:
                assert "and no maps" in str(error)
                continue
            assert len(found.maps) == 2 and found.maps.ndim == 4
    assert with_maps or name in ("softmax", "mlp")


def test_the_maps_are_what_the_layer_gives_and_the_strongest_come_first():
    net, images = network("convnet"), pictures("convnet")
    found = activation_maps(net, images, "block2.activation")
    assert np.array_equal(found.maps, activations(net, images, "block2.activation"))
    for strengths, order in zip(found.strengths, found.order, strict=True):
        assert (np.diff(strengths[order]) <= 0).all()


def test_channels_last_and_tokens_become_maps():
    values = torch.arange(2 * 4 * 4 * 5.0).reshape(2, 4, 4, 5)
    assert unit_axis((2, 4, 4, 5), (8, 8)) == 3
    assert torch.equal(as_maps(values, (8, 8), count=2), values.permute(0, 3, 1, 2))
    tokens = torch.arange(2 * 17 * 5.0).reshape(2, 17, 5)
    found = as_maps(tokens, (8, 8), count=2)
    assert found.shape == (2, 5, 4, 4)
    assert found[1, 2, 1, 3] == tokens[1, 1 + 4 + 3, 2]
    assert as_maps(tokens[:, :16], (4, 16), count=2).shape == (2, 5, 2, 8)
    assert as_maps(torch.zeros(8, 4, 4, 5), (8, 8), count=2) is None  # windows


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("convnet", "block4.activation"),
        ("resnet", "stage2.0.activation2"),
        ("lite0", "_relu1"),
        ("hf-resnet", "body.resnet.encoder.stages.1.layers.1.activation"),
        ("vit", "body.vit.layers.1.attention.v_proj"),
    ],
)
def test_the_last_maps_are_those_on_which_the_answer_depends(name, layer):
    net = network(name)
    assert last_maps(net, pixels(pictures(name), net)) == layer


@pytest.mark.parametrize("name", WITH_MAPS)
def test_nothing_is_left_behind(name):
    net = network(name).train()
    next(net.children()).eval()  # one module in another mode than its network
    before = state(net)
    last_maps(net, pixels(pictures(name), net))
    with pytest.raises(ConfigError, match="unknown layer 'nowhere'"):
        activation_maps(net, pictures(name), "nowhere")
    activations(net, pictures(name), "scale")
    after = state(net)
    assert same(before, after)


def test_what_a_later_layer_does_in_place_does_not_change_the_maps():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(inplace=True))
    assert activations(net, pictures("convnet"), "0").min() < 0


@pytest.mark.parametrize(
    ("images", "layer", "kind", "message"),
    [
        (pictures("mlp"), "dense1", ConfigError, "layer 'dense1' gives 16 numbers for a picture "
         "and no maps; name a convolution or what follows one"),
        (pictures("mlp")[0], "dense1", DataError, "pictures must be uint8 (N, H, W, C) with N of "
         "1 or more, got uint8 (12, 12, 1)"),
        (pictures("mlp")[:0], "dense1", DataError, "pictures must be uint8 (N, H, W, C) with N of "
         "1 or more, got uint8 (0, 12, 12, 1)"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(images, layer, kind, message):
    with pytest.raises(kind) as caught:
        activation_maps(network("mlp"), images, layer)
    assert str(caught.value) == message
