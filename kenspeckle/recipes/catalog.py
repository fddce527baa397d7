"""The list of recipes by name."""

from __future__ import annotations

from collections.abc import Callable

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.recipes.documents import (
    counting,
    counting_bad,
    counting_number,
    digit_cnn,
    init_large,
    init_right,
    init_small,
    mean_image,
    mlp_300,
    vgg_cifar,
    vgg_mnist,
)
from kenspeckle.recipes.fast import blink, swift
from kenspeckle.recipes.photos import photos, transfer
from kenspeckle.recipes.tutorials import deep_mnist, mlp, softmax
from kenspeckle.settings import RunConfig

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "blink": blink,
    "counting": counting,
    "counting-bad": counting_bad,
    "counting-number": counting_number,
    "deep-mnist": deep_mnist,
    "digit-cnn": digit_cnn,
    "init-large": init_large,
    "init-right": init_right,
    "init-small": init_small,
    "mean-image": mean_image,
    "mlp": mlp,
    "mlp-300": mlp_300,
    "photos": photos,
    "softmax": softmax,
    "swift": swift,
    "transfer": transfer,
    "vgg-cifar": vgg_cifar,
    "vgg-mnist": vgg_mnist,
}


def build_recipe(name: str) -> RunConfig:
    """The configuration of a recipe; raise `ConfigError` for an unknown name."""
    if name not in RECIPES:
        raise ConfigError(unknown_name("recipe", name, RECIPES))
    return RECIPES[name]()
