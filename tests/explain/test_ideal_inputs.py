"""Ideal inputs: the network is convinced, penalties do what they say, nothing else changes."""

import numpy as np
import pytest
import torch
from conftest import bars

import kenspeckle as ks
from kenspeckle.explain.ideal_inputs import ideal_inputs, stretched
from kenspeckle.explain.picture_descent import IdealInputsConfig, usual_config
from kenspeckle.model_file import load
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.families import build_model


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    run = ks.train(
        bars(600),
        recipe="mlp",
        settings=("threads=1", "train.epochs=12", "train.batch_size=30"),
        out=tmp_path_factory.mktemp("dense") / "run",
    )
    return load(run.model_file)


def found(model, **settings):
    config = IdealInputsConfig(**{"steps": 120, **settings})
    return ideal_inputs(model.network, model.class_names, shape=model.shape, config=config)


def test_the_network_takes_them_for_what_was_wanted(dense):
    pictures = found(dense, l2=0.0)
    assert pictures.images.shape == (3, 28, 28, 1)
    assert pictures.own.min() > 0.9
    assert np.isnan(pictures.recognised)


def test_a_penalty_darkens_and_l1_leaves_few_pixels(dense):
    plain = found(dense, l2=0.0).images.astype(float)
    soft = found(dense, l2=0.25).images
    sparse = found(dense, l1=0.1, l2=0.0).images
    assert soft.mean() < plain.mean() / 2
    assert (sparse > 10).mean() < (soft > 2).mean()


def test_total_variation_smooths(dense):
    def roughness(images):
        pixels = images.astype(float)
        return np.abs(np.diff(pixels, axis=1)).mean() + np.abs(np.diff(pixels, axis=2)).mean()

    rough = roughness(found(dense, l2=0.0).images)
    assert roughness(found(dense, l2=0.0, total_variation=0.05).images) < rough / 2


def test_a_judge_says_what_it_sees(dense):
    config = IdealInputsConfig(steps=120, l2=0.0)
    judged = ideal_inputs(
        dense.network, dense.class_names, shape=dense.shape, config=config, judge=dense.network
    )
    assert judged.judged.shape == (3,)
    assert judged.recognised > 0.5


def test_the_network_is_left_as_it_was(dense):
    before = {name: value.clone() for name, value in dense.network.state_dict().items()}
    found(dense, steps=3)
    assert not dense.network.training
    assert all(torch.equal(before[k], v) for k, v in dense.network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in dense.network.parameters())


def test_the_same_seed_gives_the_same_pictures(dense):
    first, second = (found(dense, steps=20, jitter=2).images for _ in range(2))
    other = found(dense, steps=20, jitter=2, seed=1).images
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_full_contrast_leaves_flat_pictures_alone():
    flat = np.full((1, 2, 2, 1), 7, dtype=np.uint8)
    faint = np.array([10, 12, 14, 20], dtype=np.uint8).reshape(1, 2, 2, 1)
    assert np.array_equal(stretched(flat), flat)
    assert stretched(faint).ravel().tolist() == [0, 51, 102, 255]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l2": -1.0}, "l2 must be 0 or more, got -1.0"),
        ({"steps": 0}, "steps must be in 1..100000, got 0"),
        ({"rate": 0.0}, "rate must be above 0, got 0.0"),
        ({"jitter": 200}, "jitter must be in 0..100, got 200"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        IdealInputsConfig(**settings)


def test_penalties_and_jitter_combine(dense):
    both = found(dense, l2=0.05, total_variation=0.05, jitter=1, steps=40)
    assert both.config.words == "L2 0.05, total variation 0.05, jitter 1"
    assert both.images.mean() < found(dense, l2=0.0, steps=40).images.mean()


def test_photographs_are_found_by_frequencies():
    assert usual_config((3, 224, 224)).space == "frequencies"
    assert usual_config((1, 28, 28)).space == "pixels"


def test_frequencies_give_smooth_pictures_in_colour():
    network = build_model(ConvNetConfig(), shape=(3, 32, 32), outputs=2)
    pictures = {
        space: ideal_inputs(
            network,
            ("a", "b"),
            shape=(3, 32, 32),
            config=IdealInputsConfig(l2=0.0, steps=12, space=space),
        ).full_contrast.astype(float)
        for space in ("pixels", "frequencies")
    }
    rough = {space: np.abs(np.diff(found, axis=1)).mean() for space, found in pictures.items()}
    assert rough["frequencies"] < rough["pixels"] / 2


def test_the_description_says_what_a_judge_does_not_prove(dense):
    config = IdealInputsConfig(steps=20)
    judged = ideal_inputs(
        dense.network, dense.class_names, shape=dense.shape, config=config, judge=dense.network
    )
    assert "does not prove that a person would recognise them" in judged.description
    assert "No second network has judged them" in found(dense, steps=2).description
