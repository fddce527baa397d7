"""Our attributions are those of Captum."""

import numpy as np
import pytest
import torch
from networks import network, pictures

from kenspeckle.explain.attribution import SaliencyConfig
from kenspeckle.explain.layers import pixels
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.saliency import saliency

captum = pytest.importorskip("captum.attr")

CONFIG = SaliencyConfig(steps=12, window=0.25, stride=0.5, cover="black")
NAMES = ["mlp", "convnet", "resnet", "lite0"]


def agree(ours, theirs):
    """Both (N, H, W); the largest difference, as a share of the largest value."""
    theirs = theirs.detach().numpy()
    return np.abs(ours - theirs).max() / np.abs(theirs).max() < 1e-4


def asked(name):
    net = network(name)
    images = pictures(name, 2)
    return net, images, pixels(images, net).requires_grad_(), torch.tensor([2, 0])


def ours(net, images, method):
    return saliency(net, images, method=method, target=[2, 0], config=CONFIG).maps


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient(name):
    net, images, given, targets = asked(name)
    theirs = captum.Saliency(net).attribute(given, target=targets, abs=True)
    assert agree(ours(net, images, "gradient"), theirs.amax(dim=1))
    assert not agree(ours(net, images, "gradient-x-input"), theirs.amax(dim=1))  # the control


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_times_the_input(name):
    net, images, given, targets = asked(name)
    theirs = captum.InputXGradient(net).attribute(given, target=targets)
    assert agree(ours(net, images, "gradient-x-input"), theirs.sum(dim=1))


@pytest.mark.parametrize("name", NAMES)
def test_integrated_gradients(name):
    net, images, given, targets = asked(name)
    method = captum.IntegratedGradients(net, multiply_by_inputs=True)
    theirs = method.attribute(
        given, baselines=0.0, target=targets, n_steps=12, method="gausslegendre"
    )
    assert agree(ours(net, images, "integrated-gradients"), theirs.float().sum(dim=1))


@pytest.mark.parametrize("name", NAMES[1:])
def test_grad_cam(name):
    net, images, given, targets = asked(name)
    layer = net.get_submodule(last_maps(net, given[:1]))
    cam = captum.LayerGradCam(net, layer).attribute(given, targets, relu_attributions=True)
    theirs = captum.LayerAttribution.interpolate(cam, images.shape[1:3], "bilinear")
    assert agree(ours(net, images, "grad-cam"), theirs[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_occlusion(name):
    net, images, given, targets = asked(name)
    side = round(0.25 * images.shape[1])
    step = round(0.5 * side)
    channels = images.shape[3]
    with torch.no_grad():
        theirs = captum.Occlusion(net).attribute(
            given,
            sliding_window_shapes=(channels, side, side),
            strides=(channels, step, step),
            target=targets,
            baselines=0.0,
        )
    # a window spans all channels, each of which Captum gives the whole change
    assert agree(ours(net, images, "occlusion"), theirs[:, 0])
