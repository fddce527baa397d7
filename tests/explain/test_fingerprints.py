"""Fingerprints: the order of the classes, and a number for how well they tell them apart."""

import numpy as np
from conftest import bars

from kenspeckle.explain.fingerprints import fingerprints
from kenspeckle.model_file import load
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
