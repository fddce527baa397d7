"""Networks: shapes, sizes, starts, and the errors of impossible ones."""

import re

import numpy as np
import pytest
import torch

from kenspeckle.errors import ConfigError
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.efficientnet_lite import EfficientNetLiteConfig
from kenspeckle.models.families import MODELS, build_model, outline
from kenspeckle.models.initialization import INITIALIZERS, InitializationConfig, initialize
from kenspeckle.models.layers import ACTIVATIONS, Dropout, Scale, reseed
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.presets import DEEP_MNIST, PRESETS
from kenspeckle.models.resnet import ResNetConfig
from kenspeckle.models.summary import summarize

CONFIGS = [
    ConvNetConfig(),
    DEEP_MNIST,
    MlpConfig(),
    MlpConfig(hidden=()),
    ResNetConfig(),
    EfficientNetLiteConfig(),
]


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config))
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 40)])
def test_a_network_maps_pictures_to_logits(config, shape):
    network = build_model(config, shape=shape, outputs=7)
    assert network(torch.rand(2, *shape) * 255).shape == (2, 7)


def test_every_family_is_tried_here():
    libraries = {"hf", "timm"}  # tried in test_hf.py and test_timm_models.py
    assert {config.name for config in CONFIGS} | libraries == set(MODELS)


def test_deep_mnist_has_the_size_of_the_document():
    network = build_model(DEEP_MNIST, shape=(1, 28, 28), outputs=10)
    convolutions = (5 * 5 * 32 + 32) + (5 * 5 * 32 * 64 + 64)
    dense = (7 * 7 * 64 * 1024 + 1024) + (1024 * 10 + 10)
    assert parameters(network) == convolutions + dense


def test_softmax_regression_is_one_matrix():
    assert parameters(build_model(MlpConfig(hidden=()), shape=(1, 28, 28), outputs=10)) == 7850


def test_an_outline_allocates_nothing():
    huge = outline(MlpConfig(hidden=(65536,) * 50), shape=(1, 28, 28), outputs=10)
    assert all(parameter.is_meta for parameter in huge.parameters())


def test_a_network_that_is_too_large_is_refused():
    with pytest.raises(ConfigError, match="model mlp would have 4,"):
        build_model(MlpConfig(hidden=(65536, 65536)), shape=(1, 28, 28), outputs=10)


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(ConfigError, match="pictures of 8 x 8 are too small for block"):
        build_model(ConvNetConfig(), shape=(1, 8, 8), outputs=10)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config))
def test_building_a_network_leaves_the_random_numbers_of_others_alone(config):
    before = torch.get_rng_state()
    build_model(config, shape=(1, 28, 28), outputs=10)
    assert torch.equal(torch.get_rng_state(), before)


def test_control_a_family_by_itself_draws_random_numbers():
    before = torch.get_rng_state()
    MODELS["mlp"](MlpConfig(), shape=(1, 28, 28), outputs=10)
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_depends_on_its_seed_alone(name):
    def weights(seed):
        network = build_model(ConvNetConfig(), shape=(1, 28, 28), outputs=10)
        initialize(network, InitializationConfig(name=name, scale=0.1), seed=seed)
        return torch.cat([p.flatten() for p in network.parameters()])

    torch.rand(3)
    first = weights(1)
    assert torch.equal(first, weights(1))
    assert name in ("zeros", "dirac") or not torch.equal(first, weights(2))


@pytest.mark.parametrize(
    ("name", "deviation"),
    [("normal", 0.1), ("truncated-normal", 0.088), ("he", 0.1 * (2 / 1000) ** 0.5)],
)
def test_an_initializer_has_the_spread_that_it_promises(name, deviation):
    network = torch.nn.Linear(1000, 500)
    initialize(network, InitializationConfig(name=name, scale=0.1, bias=0.3), seed=0)
    assert float(network.weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    assert network.bias.tolist() == pytest.approx([0.3] * 500)


def test_scale_learns_the_statistics_of_the_pictures():
    images = np.random.default_rng(0).integers(0, 256, (50, 9, 9, 3), dtype=np.uint8)
    scale = Scale(3)
    scale.learn([images[:20], images[20:]])
    out = scale(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    assert torch.allclose(out.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(out.std(dim=(0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)


def test_scale_of_a_constant_channel_is_finite():
    scale = Scale(1)
    scale.learn([np.full((4, 3, 3, 1), 7, dtype=np.uint8)])
    assert torch.equal(scale(torch.full((1, 1, 3, 3), 7.0)), torch.zeros(1, 1, 3, 3))


def test_dropout_repeats_when_it_is_keyed_again():
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), Dropout(0.5))
    ones = torch.ones(1000, 4)

    def draw(*key):
        reseed(network, *key)
        return network[1](ones)

    first = draw(1, 2, 3)
    assert torch.equal(first, draw(1, 2, 3))
    assert not torch.equal(first, draw(1, 2, 4))
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert float(first.mean()) == pytest.approx(1.0, abs=0.1)


def test_dropout_does_nothing_in_evaluation():
    layer = Dropout(0.5).eval()
    assert torch.equal(layer(torch.ones(5)), torch.ones(5))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_built_for_its_pictures(name):
    photo = name.endswith("photo") or name in ("vgg-16", "lite0")
    shape = (3, 224, 224) if photo else (1, 28, 28) if name != "vgg-small" else (3, 32, 32)
    network = outline(PRESETS[name], shape=shape, outputs=10)
    assert network(torch.empty(2, *shape, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "count"),
    [  # of the papers and of every library that followed them
        ("vgg-16", 138_357_544),
        ("resnet-18-photo", 11_689_512),
        ("resnet-34-photo", 21_797_672),
        ("lite0", 4_652_008),
    ],
)
def test_a_well_known_network_has_its_well_known_size(name, count):
    assert parameters(outline(PRESETS[name], shape=(3, 224, 224), outputs=1000)) == count


def test_vgg_for_mnist_has_the_weights_of_the_document():
    table = summarize(PRESETS["vgg-mnist"], shape=(1, 28, 28), outputs=10)
    convolutions = [row.weights for row in table.rows if row.kind == "Conv2d"]
    # the document's first line says 1,728, which is for pictures of three colours
    assert convolutions[1:] == [
        36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648, 2_359_296, 2_359_296
    ]  # fmt: skip
    assert [row.weights for row in table.rows if row.kind == "Linear"] == [8_388_608, 40_960]


def test_a_summary_gives_the_shapes_that_the_network_has():
    table = summarize(PRESETS["vgg-mnist"], shape=(1, 28, 28), outputs=10)
    shapes = {row.name: row.shape for row in table.rows}
    assert shapes["pad"] == (1, 32, 32)
    assert shapes["block2.pool"] == (64, 16, 16)
    assert shapes["block10.activation"] == (512, 2, 2)
    network = build_model(PRESETS["digit-cnn"], shape=(1, 28, 28), outputs=10)
    table = summarize(PRESETS["digit-cnn"], shape=(1, 28, 28), outputs=10)
    assert table.parameters == parameters(network)
    assert [row.shape for row in table.rows][-1] == (10,)


def test_a_summary_knows_what_feeds_a_layer():
    table = summarize(ResNetConfig(), shape=(3, 32, 32), outputs=10)
    inputs = {row.name: row.inputs for row in table.rows}
    assert inputs["scale"] == ("",)
    assert inputs["stage2.0.add"] == ("stage2.0.norm2", "stage2.0.shortcut.1")
    assert inputs["stage1.0.convolution1"] == ("activation",)


@pytest.mark.parametrize("name", PRESETS)
def test_a_summary_of_one_picture_is_that_of_an_outline(name):
    shape = (3, 40, 40)
    outlined = summarize(PRESETS[name], shape=shape, outputs=10)
    assert summarize(PRESETS[name], shape=shape, outputs=10, on="cpu") == outlined


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": (1, 2)}, "widths, kernels, paddings and pools must be equally long"),
        ({"crop": -1}, "crop must be in 0..1024, got -1"),
        ({"pad": 2000}, "pad must be in 0..1024, got 2000"),
        ({"hidden": (0,)}, "hidden must be at most 100 widths in 1..65536, got (0,)"),
        ({"dropout": 1.0}, "dropout must be in 0..1, got 1.0"),
    ],
)
def test_a_convnet_says_which_setting_is_wrong(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ConvNetConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": (8,)}, "widths and depths must be 1 to 10 and equally many, got 1 and 4"),
        ({"depths": (0, 1, 1, 1)}, "depths must be in 1..100, got (0, 1, 1, 1)"),
        ({"dropout": -0.5}, "dropout must be in 0..1, got -0.5"),
    ],
)
def test_a_resnet_says_which_setting_is_wrong(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ResNetConfig(**settings)


@pytest.mark.parametrize("norm", ["before", "after", "none"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_norm_pooling_and_border_are_settings(norm, activation):
    for pooling, border in (("max", "zeros"), ("mean", "reflect"), ("max", "replicate")):
        config = ConvNetConfig(
            paddings=(1, 1, 1, 1), norm=norm, activation=activation, pooling=pooling, border=border
        )
        kinds = [type(module) for module in outline(config, shape=(1, 28, 28), outputs=3).modules()]
        assert (torch.nn.BatchNorm2d in kinds) == (norm != "none")
        assert ACTIVATIONS[activation] in kinds
        norm_at, activation_at = torch.nn.BatchNorm2d, ACTIVATIONS[activation]
        if norm != "none":
            assert (kinds.index(norm_at) < kinds.index(activation_at)) == (norm == "before")


def test_a_mean_image_is_subtracted_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    network = build_model(ConvNetConfig(), shape=(1, 28, 28), outputs=3, mean_image=True)
    network.scale.learn([pixels])
    found = network.scale(images.float())
    assert torch.allclose(found.mean(dim=0), torch.zeros(1, 28, 28), atol=1e-5)
    assert torch.allclose(network.scale.mean, images.double().mean(dim=0).float())


def test_the_last_layer_may_start_in_its_own_way():
    network = build_model(MlpConfig(hidden=(50,)), shape=(1, 28, 28), outputs=10)
    config = InitializationConfig(name="zeros", head="xavier", bias=0.1, bias_deviation=0.5)
    initialize(network, config, seed=0)
    assert not network.dense1.weight.any()
    limit = (6 / 60) ** 0.5
    assert 0.9 * limit < float(network.head.weight.detach().abs().max()) <= limit * 1.0001
    biases = torch.cat([network.dense1.bias, network.head.bias]).detach()
    assert float(biases.std()) == pytest.approx(0.5, rel=0.3)


def test_dirac_passes_its_input_on():
    layer = torch.nn.Conv2d(3, 3, 3, padding=1)
    initialize(layer, InitializationConfig(name="dirac"), seed=0)
    picture = torch.rand(1, 3, 5, 5)
    assert torch.allclose(layer(picture), picture)


def test_variance_scaling_keeps_the_spread_of_a_relu_layer():
    layer = torch.nn.Linear(1000, 1000)
    initialize(layer, InitializationConfig(name="variance-scaling"), seed=0)
    assert float(layer.weight.detach().std()) == pytest.approx((2 / 1000) ** 0.5, rel=0.02)
    assert float(layer.weight.detach().abs().max()) <= 2 * (2 / 1000) ** 0.5 / 0.8796 + 1e-6
