"""Histograms of a split: equal to one pass over all of it, however it is cut."""

import numpy as np
import pytest
import torch

from kenspeckle.data.batches import Batch
from kenspeckle.errors import DataError
from kenspeckle.explain.histograms import layer_histograms
from kenspeckle.explain.split_histograms import GrowingHistogram, split_histograms
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead

HEAD = ClassHead(3)


def look():
    network = build_model(ConvNetConfig(), shape=(1, 28, 28), outputs=3).train()
    images = torch.rand(30, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 255
    return network, Batch(images, torch.arange(30) % 3)


def cut(batch, *places):
    spans = zip((0, *places), (*places, len(batch.images)), strict=True)
    return [Batch(batch.images[a:b], batch.labels[a:b]) for a, b in spans]


def test_batches_of_any_size_give_what_all_at_once_gives():
    network, batch = look()
    whole = layer_histograms(network, batch, HEAD, "cross-entropy")
    found = split_histograms(network, cut(batch, 4, 20), HEAD, "cross-entropy")
    assert found.pictures == 30
    assert found.loss == pytest.approx(whole.loss, rel=1e-5)
    for name, item in whole.pre_activations.items():
        assert found.pre_activations[name].n == item.n
        assert found.pre_activations[name].mean == pytest.approx(item.mean, rel=1e-4, abs=1e-6)
        assert found.pre_activations[name].deviation == pytest.approx(item.deviation, rel=1e-4)
    for name, item in whole.gradients.items():
        assert found.gradients[name].deviation == pytest.approx(item.deviation, rel=1e-3, abs=1e-7)


def test_growing_counts_are_those_of_numpy():
    growing = GrowingHistogram()
    draws = torch.Generator().manual_seed(0)
    parts = [torch.randn(1000, generator=draws) * scale for scale in (0.0, 1e-3, 40.0, 1.0, 7e5)]
    for part in parts:
        growing.add(part)
    found = growing.result()
    expected, _ = np.histogram(torch.cat(parts).numpy(), bins=found.edges)
    assert found.n == 5000
    assert np.abs(found.counts - expected).sum() <= 4  # an entry on an edge may fall to either side
    assert found.counts[0] and found.counts[-1]
    assert found.zeros == 0.2


def test_nothing_changes():
    network, batch = look()
    network.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    split_histograms(network, cut(batch, 10), HEAD, "cross-entropy")
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_no_batch_is_an_error():
    with pytest.raises(DataError, match="no pictures to take histograms of"):
        split_histograms(look()[0], [], HEAD, "cross-entropy")
