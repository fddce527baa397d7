"""Vectors: one entry for each unit, wherever a layer has its units."""

import numpy as np
from networks import network, pictures

from kenspeckle.explain.ideal_units import ideal_units
from kenspeckle.explain.layers import activations
from kenspeckle.explain.picture_descent import IdealInputsConfig
from kenspeckle.explain.vectors import vectors


def test_maps_are_averaged_over_the_picture_though_their_units_are_the_last_axis():
    net, images = network("convnext"), pictures("convnext")
    layer = "body.convnext.encoder.stages.1.layers.0.pwconv1"
    values = activations(net, images, layer)
    assert values.shape == (3, 4, 4, 48)
    assert np.allclose(vectors(net, images, layer), values.mean(axis=(1, 2)), atol=1e-6)
    found = ideal_units(net, layer, [47], shape=(3, 32, 32), config=IdealInputsConfig(steps=1))
    assert found.units == (47,)


def test_modes_of_single_layers_stay_as_they_were():
    net = network("colour").train()
    net.block1.eval()
    vectors(net, pictures("colour"), "dense1")
    assert net.block2.training and not net.block1.training
