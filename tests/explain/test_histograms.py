"""Histograms: every entry counted once, and a look that leaves no trace."""

import numpy as np
import pytest
import torch

from kenspeckle.data.batches import Batch
from kenspeckle.explain.histograms import histogram, layer_histograms
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead


def test_every_entry_is_counted_once():
    values = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    found = histogram(values, bins=10)
    expected, edges = np.histogram(values.numpy(), bins=10)
    assert found.n == 1200
    assert np.abs(found.counts - expected).sum() <= 2  # an entry on an edge may fall to either side
    assert np.allclose(found.edges, edges)
    assert found.mean == pytest.approx(float(values.mean()), abs=1e-6)
    assert found.deviation == pytest.approx(float(values.std(correction=0)), rel=1e-5)
    assert found.square_sum == pytest.approx(float((values**2).sum()), rel=1e-5)


def test_a_constant_has_a_histogram_too():
    found = histogram(torch.zeros(5))
    assert found.n == 5
    assert found.zeros == 1.0
    assert found.edges[0] < 0 < found.edges[-1]


def look():
    network = build_model(ConvNetConfig(), shape=(1, 28, 28), outputs=3).train()
    draws = torch.Generator().manual_seed(0)
    images = torch.rand(9, 1, 28, 28, generator=draws) * 255
    batch = Batch(images, torch.arange(9) % 3)
    return network, batch


def test_weights_gradients_and_pre_activations_are_looked_at():
    network, batch = look()
    found = layer_histograms(network, batch, ClassHead(3), "cross-entropy")
    assert list(found.pre_activations) == ["block1", "block2", "block3", "block4", "logits"]
    assert set(found.gradients) == set(found.weights) == dict(network.named_parameters()).keys()
    assert found.pre_activations["logits"].n == 27
    assert found.loss == pytest.approx(np.log(3), abs=0.5)


def test_a_look_leaves_neither_gradients_nor_statistics():
    network, batch = look()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = next(network.parameters())
    first.grad = torch.ones_like(first)
    for statistics in ("running", "batch"):
        layer_histograms(network, batch, ClassHead(3), "cross-entropy", statistics=statistics)
    assert network.training
    assert torch.equal(first.grad, torch.ones_like(first))
    assert all(parameter.grad is None for parameter in list(network.parameters())[1:])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
