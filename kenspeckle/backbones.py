"""Backbones by name."""

from __future__ import annotations

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.models.backbone import Backbone
from kenspeckle.models.pretrained import lite0


def backbone(name: str) -> Backbone:
    """The pretrained network called `name`; raises `ConfigError` for an unknown name."""
    if name != "lite0":
        raise ConfigError(unknown_name("backbone", name, ["lite0"]))
    return lite0()
