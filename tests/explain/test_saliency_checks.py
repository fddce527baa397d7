"""The check with random weights: an edge detector fails it, maps of the network pass."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import network, pictures, same, state

import kenspeckle as ks
from kenspeckle.explain.attribution import Method, SaliencyConfig
from kenspeckle.explain.saliency_checks import sanity_check


def edges(question):
    """Where the picture changes: looks like an explanation and knows nothing of the network."""
    grey = question.pixels.mean(dim=1, keepdim=True)
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).view(1, 1, 3, 3)
    across, down = (F.conv2d(grey, part, padding=1) for part in (kernel, kernel.mT))
    return (across**2 + down**2).sqrt()


EDGES = Method(attribute=edges, channels="largest", about="there is an edge")


def test_an_edge_detector_does_not_depend_on_the_weights(run, dataset):
    found = sanity_check(ks.load(run.model_file), dataset.images[:6], method=EDGES)
    assert not found.passes
    assert found.correlations == pytest.approx(1.0)
    assert found.verdict == (
        "The method own method does not depend on the weights: with all of them random the maps "
        "are still alike (rank correlation 1.00 (standard deviation 0.00), n=6); they show the "
        "picture, not what was learned"
    )


@pytest.mark.parametrize("method", ["gradient", "smooth-gradient", "grad-cam"])
def test_maps_of_the_network_depend_on_its_weights(run, dataset, method):
    config = SaliencyConfig(samples=5)
    found = sanity_check(ks.load(run.model_file), dataset.images[:6], method=method, config=config)
    assert found.passes
    assert "depends on the weights" in found.verdict


def test_the_cascade_goes_from_the_last_layer_to_the_first():
    net, images = network("convnet"), pictures("convnet", 2)
    found = sanity_check(net, images, method="gradient", stages=100)
    assert (found.layers[0], found.layers[-1]) == ("head", "block1.convolution")
    assert len(found.layers) == 9
    assert found.maps.shape == (9, 2, 28, 28)
    few = sanity_check(net, images, method="gradient", stages=3)
    assert few.layers[-1] == "block1.convolution" and len(few.layers) == 3
    assert np.allclose(few.maps[-1], found.maps[-1])


@pytest.mark.parametrize("name", ["softmax", "mlp", "resnet", "lite0", "vit", "swin"])
def test_every_family_can_be_checked_and_stays_as_it_was(name):
    net, images = network(name).train(), pictures(name, 2)
    before = state(net)
    found = sanity_check(net, images, method="gradient", stages=2)
    assert same(before, state(net))
    assert np.isfinite(found.correlations).all()
    assert np.abs(found.maps[-1] - found.original.maps).max() > 0


def test_pixels_that_are_zero_in_both_maps_do_not_make_them_alike():
    net, images = network("convnet"), pictures("convnet", 2)
    images[:, :24] = 0  # black times anything is nothing
    full = sanity_check(net, images, method="gradient-x-input")
    assert full.remaining < 0.9


def test_a_flat_map_is_like_no_other():
    flat = Method(attribute=lambda q: torch.ones_like(q.pixels), channels="sum", about="nothing")
    found = sanity_check(network("convnet"), pictures("convnet"), method=flat)
    assert found.remaining == 0.0
