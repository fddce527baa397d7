"""Recipes of the tutorials that everybody starts with, to the letter."""

from __future__ import annotations

from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.models.initialization import InitializationConfig
from kenspeckle.models.mlp import MlpConfig
from kenspeckle.models.presets import DEEP_MNIST
from kenspeckle.optim_config import AdamConfig, SgdConfig
from kenspeckle.schedule import ScheduleConfig
from kenspeckle.settings import RunConfig
from kenspeckle.train_config import TrainConfig

_UNIT = PreprocessConfig(scaling="unit")
_CONSTANT = ScheduleConfig(name="constant")


def softmax() -> RunConfig:
    """Softmax regression: 1,000 steps of 100, gradient descent at 0.5 (seed document 001)."""
    return RunConfig(
        recipe="softmax",
        precision="fp32",
        preprocess=_UNIT,
        model=MlpConfig(hidden=()),
        initialization=InitializationConfig(name="zeros"),
        optimizer=SgdConfig(rate=0.5),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=0, steps=1000, batch_size=100, keep="last"),
    )


def mlp() -> RunConfig:
    """One hidden layer of 300, as in LeCun et al. 1998, with today's optimizer."""
    return RunConfig(
        recipe="mlp",
        model=MlpConfig(hidden=(300,)),
        optimizer=AdamConfig(rate=0.002, weight_decay=0.01),
        schedule=ScheduleConfig(name="one-cycle"),
        train=TrainConfig(epochs=10, batch_size=128),
    )


def deep_mnist() -> RunConfig:
    """Two convolutions and a dense layer: 20,000 steps of 50, Adam 0.0001 (seed document 001)."""
    return RunConfig(
        recipe="deep-mnist",
        precision="fp32",
        preprocess=_UNIT,
        model=DEEP_MNIST,
        initialization=InitializationConfig(name="truncated-normal", scale=0.1, bias=0.1),
        optimizer=AdamConfig(name="adam", rate=1e-4),
        schedule=_CONSTANT,
        train=TrainConfig(epochs=0, steps=20_000, batch_size=50, keep="last"),
    )
