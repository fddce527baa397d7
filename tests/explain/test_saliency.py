"""Saliency: known truths by construction, agreement with Captum, nothing left behind."""

import dataclasses

import numpy as np
import pytest
import torch
from networks import FAMILIES, WITH_MAPS, network, pictures, same, state

import kenspeckle as ks
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.explain.attribution import METHODS, Method, SaliencyConfig
from kenspeckle.explain.layers import pixels
from kenspeckle.explain.saliency import compare_saliency, methods_for, saliency
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig

QUICK = SaliencyConfig(steps=4, samples=2, window=0.5, stride=1.0)


def linear():
    """Softmax regression on 4 x 4 pixels: every method has one right answer."""
    net = build_model(MlpConfig(hidden=()), shape=(1, 4, 4), outputs=3).eval()
    net.head.weight.data.normal_(generator=torch.Generator().manual_seed(0))
    return net, np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)


def test_of_a_linear_network_the_methods_are_its_weights_and_their_products():
    net, images = linear()
    weights = net.head.weight.detach().numpy().reshape(3, 4, 4) / 255
    given = images[..., 0].astype(np.float32)
    assert saliency(net, images, method="gradient", target=1).maps == pytest.approx(
        np.repeat(np.abs(weights[1:2]), 5, axis=0), rel=1e-5
    )
    for method in ("gradient-x-input", "integrated-gradients"):
        found = saliency(net, images, method=method, target=2)
        assert found.maps == pytest.approx(weights[2] * given, rel=1e-4, abs=1e-5)
    hidden = saliency(
        net, images, method="occlusion", target=0,
        config=SaliencyConfig(window=0.25, stride=1.0, cover="black"),
    )  # fmt: skip
    assert hidden.maps == pytest.approx(weights[0] * given, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_method_works_on_every_family_and_leaves_it_as_it_was(name):
    net, images = network(name).train(), pictures(name, 2)
    next(iter(net.children())).eval()
    first = next(net.parameters())
    first.requires_grad_(False)
    net.head.bias.grad = torch.ones_like(net.head.bias)
    before = state(net)
    methods = methods_for(net, images)
    assert ("grad-cam" in methods) == (name in WITH_MAPS)
    with torch.inference_mode():  # the caller's own business
        found = compare_saliency(net, images, methods=methods, config=QUICK).methods
        assert torch.is_inference_mode_enabled()
    assert same(before, state(net))
    for item in found:
        assert item.maps.shape == images.shape[:3] and item.maps.dtype == np.float32
        assert np.isfinite(item.maps).all() and item.maps.any()
        assert item.signed or item.maps.min() >= 0


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet"])
def test_integrated_gradients_sum_up_and_more_steps_sum_up_better(name):
    net, images = network(name), pictures(name, 4)
    gaps = [
        saliency(net, images, method="integrated-gradients", config=SaliencyConfig(steps=steps)).gap
        for steps in (1, 300)
    ]
    assert gaps[1] < 0.02 and gaps[1] < gaps[0]
    assert np.isnan(saliency(net, images, method="gradient").gap)


def test_a_picture_by_itself_has_the_map_that_it_has_among_others():
    net, images = network("convnet"), pictures("convnet", 5)
    for method in METHODS:
        if method == "smooth-gradient":  # each picture has noise of its own
            continue
        together = saliency(net, images, method=method, target=1, config=QUICK).maps
        alone = saliency(net, images[3:4], method=method, target=1, config=QUICK).maps
        assert together[3] == pytest.approx(alone[0], rel=1e-3, abs=1e-6)


def test_the_smoothed_gradient_repeats_and_another_seed_differs():
    net, images = network("convnet"), pictures("convnet", 2)
    first, second, other = (
        saliency(net, images, method="smooth-gradient", config=SaliencyConfig(seed=seed)).maps
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_the_class_that_is_answered_is_explained_unless_another_is_asked_for():
    net, images = network("convnet"), pictures("convnet", 3)
    found = saliency(net, images, method="gradient")
    assert found.targets.tolist() == found.probabilities.argmax(axis=1).tolist()
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    asked = saliency(net, images, method="gradient", target=[2, 0, 1])
    assert asked.target_names == ("2", "0", "1")
    one = saliency(net, images[1:2], method="gradient", target=0)
    assert np.allclose(asked.maps[1], one.maps[0])


def test_a_classifier_brings_its_class_names(run, dataset):
    model = ks.load(run.model_file)
    found = saliency(model, dataset.images[:2], method="grad-cam", target=1)
    assert found.target_names == ("upright", "upright")
    with pytest.raises(DataError) as caught:
        saliency(model, dataset.images[:2, :14], method="gradient")
    assert str(caught.value) == (
        "the network takes pictures of 28 x 28 x 1, got 14 x 28 x 1; bring them to its size first "
        "(kenspeckle.data.preprocess.dataset_views)"
    )


def test_a_way_of_your_own_needs_no_registration():
    own = Method(attribute=lambda question: question.pixels, channels="sum", about="it is light")
    images = pictures("resnet")
    found = saliency(network("resnet"), images, method=own)
    assert np.array_equal(found.maps, images.sum(axis=3).astype(np.float32))
    assert found.method == "own method"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("convnet", {"method": "grad"}, "unknown method 'grad' (known: grad-cam, gradient, "
         "gradient-x-input, integrated-gradients, occlusion, smooth-gradient)"),
        ("convnet", {"method": "gradient", "target": 3}, "target must be in 0..2, got 3"),
        ("convnet", {"method": "gradient", "target": [0, -1, 0]}, "target must be in 0..2, got -1"),
        ("convnet", {"method": "gradient", "target": [0, 1]},
         "target must be one class or one for each of 3 pictures"),
        ("mlp", {"method": "grad-cam"}, "this network has no layer with maps, because it has no "
         "convolution; use another method, such as integrated-gradients"),
        ("convnet", {"method": "grad-cam", "config": SaliencyConfig(layer="head")},
         "layer 'head' gives no maps; grad-cam needs one that does"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_said(name, settings, message):
    net = network(name)
    before = state(net)
    with pytest.raises(ConfigError) as caught:
        saliency(net, pictures(name), **settings)
    assert str(caught.value) == message
    assert same(before, state(net))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be in 1..10000, got 0"),
        ({"samples": 0}, "samples must be in 1..10000, got 0"),
        ({"noise": 0.0}, "noise must be above 0 and at most 10, got 0.0"),
        ({"window": 1.5}, "window must be above 0 and at most 1, got 1.5"),
        ({"stride": 0.0}, "stride must be above 0 and at most 1, got 0.0"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SaliencyConfig(**settings)


def test_mean_needs_a_scale():
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    images = linear()[1]
    with pytest.raises(ConfigError, match="no scale whose mean could be used; use black or white"):
        saliency(net, images, method="occlusion")
    config = SaliencyConfig(cover="white")
    assert saliency(net, images, method="occlusion", config=config).maps.any()
    assert pixels(images, net).shape == (5, 1, 4, 4)


def test_of_a_network_that_tells_a_number_the_number_is_explained(run):
    model = ks.load(run.model_file)
    net = build_model(MlpConfig(hidden=(4,)), shape=model.shape, outputs=1).eval()
    names = ("1", "2", "4", "8")
    counts = dataclasses.replace(model, network=net, class_names=names, task="number")
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    images.flags.writeable = False
    found = saliency(counts, images, method="gradient", target=3)
    assert found.probabilities.shape == (3, 4)
    assert np.array_equal(found.maps, saliency(net, images, method="gradient", target=0).maps)
