"""Recipes of the experiments of the seed documents; `experiments/` runs them.

A document that leaves a setting open says so in the docstring; such settings were chosen on
validation, never on the test split.
"""

from __future__ import annotations

from dataclasses import replace

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.models.convnet import ConvNetConfig
from kenspeckle.models.initialization import InitializationConfig
from kenspeckle.models.presets import VGG_MNIST, preset
from kenspeckle.optim_config import AdamConfig, SgdConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig

_CONSTANT = ScheduleConfig(name="constant")
_UNIT = PreprocessConfig(scaling="unit")


def mlp_300() -> RunConfig:
    """784-300-10 of seed document 002: 50 epochs of 100, gradient descent at 0.1, its own loss."""
    return RunConfig(
        recipe="mlp-300",
        precision="fp32",
        preprocess=_UNIT,
        model=preset("mlp-300"),
        initialization=InitializationConfig(name="normal", scale=0.03, bias_deviation=1.0),
        optimizer=SgdConfig(rate=0.1),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=50, batch_size=100, loss="binary", keep="last"),
    )


def digit_cnn() -> RunConfig:
    """DigitCNN of seed document 004: mean image, 30 epochs of 100, Adam 0.0001, dropout 0.5."""
    return RunConfig(
        recipe="digit-cnn",
        preprocess=PreprocessConfig(scaling="mean-image"),
        model=preset("digit-cnn"),
        initialization=InitializationConfig(name="xavier"),
        optimizer=AdamConfig(name="adam", rate=1e-4),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=30, batch_size=100, keep="last"),
    )


def init_large() -> RunConfig:
    """Four convolutions whose weights start as N(0, 1): seed document 003, LTFN 6.

    The document gives no rate and no widths; from such a start any larger rate overflows.
    """
    return RunConfig(
        recipe="init-large",
        preprocess=_UNIT,
        model=preset("four-convolutions"),
        initialization=InitializationConfig(name="normal", scale=1.0),
        optimizer=SgdConfig(rate=1e-5),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=0, steps=500, batch_size=100, keep="last"),
    )


def init_small() -> RunConfig:
    """The same with all weights a hundred times smaller."""
    return replace(
        init_large(),
        recipe="init-small",
        optimizer=SgdConfig(rate=0.05),
        initialization=InitializationConfig(name="normal", scale=0.01),
    )


def init_right() -> RunConfig:
    """The same with variance scaling in the convolutions and Xavier in the last layer."""
    return replace(
        init_small(),
        recipe="init-right",
        initialization=InitializationConfig(name="variance-scaling", head="xavier"),
    )


def vgg_mnist() -> RunConfig:
    """VGG of LTFN 8 (seed document 003), with batch norm and one cycle; the document has neither.

    Adam and a padding to 32 x 32 are the document's.
    """
    return RunConfig(
        recipe="vgg-mnist",
        model=replace(VGG_MNIST, norm="before"),
        augment=AugmentConfig(rotation=8, shift=2, zoom=0.1),
        optimizer=AdamConfig(rate=0.002, weight_decay=0.01),
        schedule=ScheduleConfig(name="one-cycle", warmup=0.3),
        train=TrainConfig(epochs=2, batch_size=128, label_smoothing=0.05),
    )


def vgg_cifar() -> RunConfig:
    """VGG of LTFN 10 (seed document 003) on pictures of 32 x 32 in colour, scaled to 0..1."""
    return RunConfig(
        recipe="vgg-cifar",
        source="cifar-10-python.tar.gz",
        preprocess=_UNIT,
        model=preset("vgg-small"),
        initialization=InitializationConfig(name="variance-scaling", head="xavier"),
        optimizer=AdamConfig(name="adam", rate=2e-4),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=0, steps=500, batch_size=64, keep="last"),
    )


def mean_image() -> RunConfig:
    """The same with the mean image subtracted, LTFN 11."""
    return replace(
        vgg_cifar(), recipe="mean-image", preprocess=PreprocessConfig(scaling="mean-image")
    )


_COUNTER = ConvNetConfig(
    widths=(16, 32, 32, 64),
    kernels=(5, 3, 3, 3),
    paddings=(2, 1, 1, 1),
    pools=(2, 2, 1, 1),
    gather="mean",
)


def counting() -> RunConfig:
    """How many circles, with changes that move none of them out of the picture: only flips.

    Seed document 003, "Counting Part II".
    """
    return RunConfig(
        recipe="counting",
        source="counting",
        preprocess=PreprocessConfig(kind="resize", scaling="unit"),
        augment=AugmentConfig(flip_horizontal=0.5, flip_vertical=0.5, check="off"),
        model=_COUNTER,
        optimizer=AdamConfig(rate=0.005, beta2=0.99, weight_decay=0.01),
        schedule=ScheduleConfig(name="one-cycle", warmup=0.3),
        train=TrainConfig(epochs=20, batch_size=64),
    )


def counting_bad() -> RunConfig:
    """The same with the changes that photographs like and circles do not: zoom, crop, shift."""
    return replace(
        counting(),
        recipe="counting-bad",
        augment=AugmentConfig(
            rotation=10, zoom=0.1, crop=0.3, flip_horizontal=0.5, brightness=0.1, check="off"
        ),
    )


def counting_number() -> RunConfig:
    """The same told as a number, not as one of the classes, as the document suggests."""
    good = counting()
    return replace(good, recipe="counting-number", train=replace(good.train, loss="squared"))
