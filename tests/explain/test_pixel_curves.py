"""Curves of deletion and insertion: a right map beats a random order, a wrong one does not."""

import numpy as np
import pytest
from networks import network, pictures, same, state

import kenspeckle as ks
from kenspeckle.explain.attribution import Method
from kenspeckle.explain.pixel_curves import PixelCurvesConfig, pixel_curves
from kenspeckle.explain.saliency import saliency
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig

BLACK = PixelCurvesConfig(steps=8, cover="black")


def one_pixel_counts():
    """A network of two classes that looks at 4 of 64 pixels only, and bright pictures."""
    net = build_model(MlpConfig(hidden=()), shape=(1, 8, 8), outputs=2).eval()
    net.head.weight.data.zero_()
    net.head.bias.data.zero_()
    net.head.weight.data[1, [9, 20, 41, 62]] = 3.0
    net.head.bias.data[1] = -6.0
    images = np.full((6, 8, 8, 1), 255, dtype=np.uint8)
    images[:, ::3] = 200
    return net, images


def test_a_right_map_deletes_and_inserts_faster_than_a_random_order():
    net, images = one_pixel_counts()
    found = pixel_curves(net, saliency(net, images, method="gradient"), config=BLACK)
    deleted, inserted = found.random_areas
    assert (found.deletion_areas < deleted - 0.1).all()
    assert (found.insertion_areas > inserted + 0.1).all()
    assert "gradient: 0." in found.description
    assert "better than random on 6 of 6" in found.description


def test_a_map_turned_round_is_worse_than_a_random_order():
    net, images = one_pixel_counts()
    wrong = Method(attribute=lambda q: -q.pixels * _weights(net), channels="sum", about="wrong")
    found = pixel_curves(net, saliency(net, images, method=wrong), config=BLACK)
    deleted, inserted = found.random_areas
    assert (found.deletion_areas > deleted).all()
    assert (found.insertion_areas < inserted).all()


def _weights(net):
    return net.head.weight.detach()[1].view(1, 1, 8, 8)


def test_curves_go_from_the_picture_to_nothing_and_back():
    net, images = network("convnet").train(), pictures("convnet", 5)
    before = state(net)
    maps = [saliency(net, images, method=method) for method in ("gradient", "grad-cam")]
    found = pixel_curves(net, maps)
    assert same(before, state(net))
    assert found.deletion.shape == (2, 5, 21)
    probability = maps[0].target_probabilities
    for curves in (found.deletion[..., 0], found.insertion[..., -1], found.random_deletion[:, 0]):
        assert np.allclose(curves, probability, atol=1e-5)
    assert np.allclose(found.deletion[..., -1], found.insertion[..., 0], atol=1e-6)


def test_the_same_seed_gives_the_same_control():
    net, images = one_pixel_counts()
    maps = saliency(net, images, method="gradient")
    first, second = (pixel_curves(net, maps, config=BLACK) for _ in range(2))
    assert np.array_equal(first.random_deletion, second.random_deletion)


def test_of_a_classifier_the_probabilities_are_its_own(run, dataset):
    model = ks.load(run.model_file)
    maps = saliency(model, dataset.images[:3], method="gradient")
    found = pixel_curves(model, maps, config=BLACK)
    assert np.allclose(found.deletion[0, :, 0], maps.target_probabilities, atol=1e-5)


def test_a_wrong_setting_is_named():
    with pytest.raises(ValueError, match=r"steps must be in 1\.\.1000, got 0"):
        PixelCurvesConfig(steps=0)
