"""A judge: another network, which tells whether an ideal picture convinces more than one."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from kenspeckle.data.evenly import evenly
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.learning import learn
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.run_pictures import RunPictures

_JUDGED = 10_000  # pictures that a judge learns from, within two seconds


def judge(pictures: RunPictures) -> nn.Module | None:
    """Another network, of another seed and recipe, that learns from the same pictures.

    None where that would take too long, where the source is gone, or where it cannot see
    pictures of this size.
    """
    if not pictures.are_small:
        return None
    asked = build_recipe("blink")
    asked = replace(
        asked,
        seed=pictures.run.config.seed + 1,
        threads=pictures.run.config.threads,
        train=replace(asked.train, epochs=2, batch_size=0),
    )
    try:
        train = pictures.splits.train
        shown = pictures.data.take(train[evenly(len(train), _JUDGED)])
        learned = learn(shown, asked, tell=lambda _: None).classifier
    except (ConfigError, DataError):
        return None
    return learned.network if learned.shape == pictures.classifier.shape else None
