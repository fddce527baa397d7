"""The list of recipes by name."""

from __future__ import annotations

from collections.abc import Callable

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.recipes.fast import blink, swift
from kenspeckle.recipes.tutorials import deep_mnist, mlp, softmax
from kenspeckle.settings import RunConfig

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "blink": blink,
    "deep-mnist": deep_mnist,
    "mlp": mlp,
    "softmax": softmax,
    "swift": swift,
}


def build_recipe(name: str) -> RunConfig:
    """The configuration of a recipe; raise `ConfigError` for an unknown name."""
    if name not in RECIPES:
        raise ConfigError(unknown_name("recipe", name, RECIPES))
    return RECIPES[name]()
