"""Fingerprints: the order of the classes, and a number for how well they tell them apart."""

import numpy as np
import pytest
from conftest import bars
from networks import FAMILIES, network

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.explain.fingerprints import fingerprints, separation
from kenspeckle.explain.layers import pixels, pre_activations
from kenspeckle.model_file import load
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig


def test_pictures_come_class_by_class(run, dataset):
    found = fingerprints(load(run.model_file).network, dataset)
    assert found.labels.tolist() == sorted(dataset.labels.tolist())
    assert found.values.shape == (len(dataset), 8)
    assert found.means.shape == (3, 8)
    assert found.layer == "block2.activation"


def test_a_trained_network_tells_classes_by_their_fingerprints(run):
    found = fingerprints(load(run.model_file).network, bars(120, seed=9))
    assert found.n == 60
    assert found.nearest_mean > 0.8
    assert found.interval.low < found.nearest_mean <= found.interval.high


def test_control_labels_that_mean_nothing_are_not_told():
    network = build_model(MlpConfig(hidden=(20,)), shape=(1, 28, 28), outputs=3)
    data = bars(240)
    shuffled = type(data)(
        source=data.source,
        images=data.images,
        labels=np.random.default_rng(0).permutation(data.labels),
        class_names=data.class_names,
        official_test=data.official_test,
    )
    assert fingerprints(network, shuffled).nearest_mean < 0.55


def test_the_ratio_of_fisher_is_that_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20000, 2)) * (1, 3)
    labels = np.arange(20000) % 2
    values[labels == 1, 0] += 4  # 4 deviations apart on one axis, nothing on the other
    found = separation(values.astype(np.float32), labels, classes=3)
    assert abs(found[0, 1] - 8) < 0.5
    assert found[0, 1] == found[1, 0]
    assert np.isnan(found[2]).all() and np.isnan(np.diag(found)).all()


def test_the_description_names_the_classes_that_are_least_apart(run):
    found = fingerprints(load(run.model_file).network, bars(120, seed=9))
    first, second = (found.class_names[label] for label in found.closest)
    assert f"Least apart are {first} and {second}" in found.description
    assert "of 60 other pictures" in found.description


def test_a_network_whose_activations_are_not_ours_has_a_fingerprint_too():
    network = build_model(EfficientNetLiteConfig(), shape=(3, 32, 32), outputs=3)
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    data = memory_dataset(images, np.arange(6) % 3, class_names=("a", "b", "c"))
    assert fingerprints(network, data).values.shape == (6, 1280)


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "softmax"])
def test_every_network_but_softmax_regression_has_a_hidden_layer(name):
    net, (channels, height, width) = network(name), FAMILIES[name][1]
    images = np.random.default_rng(0).integers(0, 256, (12, height, width, channels), np.uint8)
    data = memory_dataset(images, np.arange(12) % 3, class_names=("a", "b", "c"), source="random")
    found = fingerprints(net, data)
    assert found.layer in dict(net.named_modules())
    with pre_activations(net) as given:
        net(pixels(images[:2], net))
    assert len(given) > 1  # of an activation, and the logits
