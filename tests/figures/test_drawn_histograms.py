"""The drawing of histograms: all layers of a small network, some of a deep one."""

import torch
from figure_checks import drawn, smallest_letters, texts

from kenspeckle.data.batches import Batch
from kenspeckle.explain.histograms import layer_histograms
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.mlp import MlpConfig


def look(config):
    network = build_model(config, shape=(1, 28, 28), outputs=3)
    images = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 255
    batch = Batch(images, torch.arange(6) % 3)
    return layer_histograms(network, batch, ClassHead(3), "cross-entropy")


def test_every_layer_of_a_small_network_has_a_panel():
    found = look(ConvNetConfig())
    words = texts(drawn(found))
    for name in ("block1", "block4", "head", "logits", "pre-activations", "weights", "gradients"):
        assert name in words
    assert "four deviations" in found.description
    assert "on 6 pictures" in found.description
    assert smallest_letters(found.figure()) >= 7


def test_a_deep_network_says_how_many_layers_are_left_out():
    words = texts(drawn(look(MlpConfig(hidden=(4,) * 20))))
    assert "pre-activations, 12 of 21" in words
    assert "dense1" in words and "logits" in words
