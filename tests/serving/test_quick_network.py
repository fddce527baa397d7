"""The quick form of a network has its answers, and none depends on its neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import kenspeckle as ks
from kenspeckle.inference import outputs
from kenspeckle.serving.quick_network import quickest


@pytest.mark.parametrize("count", [1, 2, 5, 64, 100])
def test_a_small_network_keeps_its_outputs(run, dataset, count):
    classifier = ks.load(run.model_file)
    images = np.asarray(dataset.images[:count])
    told = quickest(classifier)(images)
    assert torch.allclose(told, outputs(classifier.network, images), atol=1e-6, rtol=0)


class Branching(torch.nn.Module):
    """Does one thing or the other, which a trace cannot know."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, images):
        means = images.flatten(1).mean(dim=1, keepdim=True) * self.weight
        turned = means if images.max() > 250 else -means
        return torch.cat([turned, -turned, means], dim=1) / 100


def test_a_network_that_a_trace_would_change_is_not_traced(run):
    classifier = replace(ks.load(run.model_file), network=Branching().eval())
    network = quickest(classifier)
    for level in (10, 255):
        images = np.full((2, 28, 28, 1), level, np.uint8)
        assert torch.equal(network(images), outputs(classifier.network, images))


class Counting(torch.nn.Module):
    """Remembers how many pictures came together."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self.sizes = []

    def forward(self, images):
        self.sizes.append(len(images))
        return images.flatten(1)[:, :3] * self.weight


def test_large_pictures_go_through_the_network_alone(run):
    network = Counting().eval()
    classifier = replace(ks.load(run.model_file), network=network, shape=(1, 160, 160))
    images = np.random.default_rng(0).integers(0, 256, (17, 160, 160, 1)).astype(np.uint8)
    assert quickest(classifier)(images).tolist() == images[:, 0, :3, 0].tolist()
    assert set(network.sizes) == {1}
