"""The first filters are the weights themselves, as pictures."""

import numpy as np
import pytest
from networks import FAMILIES, network

from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import ConfigError
from kenspeckle.explain.filters import first_filters
from kenspeckle.model_file import Classifier
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_first_filters(name):
    found = first_filters(network(name))
    assert found.weights.ndim == 4
    assert found.weights.shape[3] == FAMILIES[name][1][0]
    assert np.abs(found.pictures).max(axis=(1, 2, 3)) == pytest.approx(1.0)
    assert sorted(found.order) == list(range(len(found.weights)))


def test_the_filters_of_a_convolution_are_its_weights():
    net = network("colour")
    found = first_filters(net)
    assert (found.layer, found.kind) == ("block1.convolution", "convolution")
    expected = net.block1.convolution.weight.detach().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(found.weights, expected)


def test_a_dense_unit_is_a_picture_of_the_pixels_it_weighs():
    net = network("mlp")
    found = first_filters(net)
    assert (found.layer, found.kind, found.weights.shape) == ("dense1", "dense", (16, 12, 12, 1))
    assert found.weights[3, 2, 5, 0] == net.dense1.weight[3, 2 * 12 + 5].item()


def test_softmax_regression_has_a_picture_for_each_class_in_their_order():
    found = first_filters(network("softmax"))
    assert (found.answers, found.layer) == (True, "head")
    assert found.order.tolist() == [0, 1, 2]
    assert found.title == "Weights of each class"


def test_the_classes_of_a_classifier_name_its_weights(run):
    import kenspeckle as ks

    found = first_filters(ks.load(run.model_file))
    assert found.description.startswith("Layer block1.convolution, 4 filters of 3 x 3: red weights")


def test_the_strongest_come_first_and_a_zero_filter_stays_zero():
    net = network("convnet")
    net.block1.convolution.weight.data[1] *= 10
    net.block1.convolution.weight.data[2] = 0
    found = first_filters(net)
    assert (found.order[0], found.order[-1]) == (1, 2)
    assert not found.pictures[2].any()
    assert "have less than a tenth of the strongest's weights" in found.description


def test_weights_that_are_no_square_picture_need_the_classifier():
    net = build_model(MlpConfig(hidden=(4,)), shape=(1, 6, 5), outputs=3)
    with pytest.raises(ConfigError) as caught:
        first_filters(net)
    assert str(caught.value) == (
        "the 30 weights of a unit of the first layer are no picture of 1 x 5 x 5 (channels, "
        "height, width); give the whole classifier, which knows the size of its input"
    )


def test_the_one_output_of_a_model_that_tells_a_number_is_no_class():
    config = MlpConfig(hidden=())
    classifier = Classifier(
        network=build_model(config, shape=(1, 4, 4), outputs=1),
        architecture=config,
        shape=(1, 4, 4),
        class_names=("1", "2", "3"),
        preprocess=PreprocessConfig(kind="resize", height=4, width=4),
        task="number",
    )
    found = first_filters(classifier)
    assert (found.answers, found.title) == (False, "Filters of the first layer")
    assert "1 filters of 4 x 4" in found.description
