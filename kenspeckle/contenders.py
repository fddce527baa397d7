"""Who takes part in a comparison: recipes and the configurations of runs, on the same data."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.errors import ConfigError
from kenspeckle.many import on_one_thread
from kenspeckle.outset import Ready, ready
from kenspeckle.recipes.catalog import RECIPES, build_recipe
from kenspeckle.run_folder import CONFIG, Run
from kenspeckle.settings import RunConfig


@dataclass(kw_only=True)
class Contender:
    """A configuration under a name, and what its seeds were right about so far."""

    name: str
    asked: RunConfig
    found: Ready
    folder: Path
    right: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    openings: int = 0  # of the test split, at most of any run


def enter(
    contenders: Sequence[str | Path],
    source: str,
    settings: tuple[str, ...],
    folder: Path,
    dataset: Dataset | None,
    progress: Progress | None,
) -> list[Contender]:
    """Each contender with its data opened; raise `ConfigError` where they do not go together."""
    found: list[Contender] = []
    for given in contenders:
        name = str(given)
        asked = config.override(replace(_configuration(name), source=source), settings)
        asked = replace(on_one_thread(asked), seed=0)
        if any(other.name == name for other in found):
            raise ConfigError(f"{name} is given twice; a configuration is equal to itself")
        opened = ready(asked, dataset=dataset, progress=progress)
        if dataset is None and opened.data.origin is None:
            dataset = opened.data  # the same for all
        if found and opened.settings.splits != found[0].found.settings.splits:
            raise ConfigError(
                f"{name} and {found[0].name} split the pictures differently; "
                "give both the same by --set splits.folds=0, splits.validation and splits.seed"
            )
        where = _folder_of(name, folder, taken={other.folder for other in found})
        found.append(Contender(name=name, asked=asked, found=opened, folder=where))
    return found


def _configuration(name: str) -> RunConfig:
    """Of a recipe or a run folder; its threads are left open."""
    path = Path(name)
    if name in RECIPES or not (path / CONFIG).is_file():
        if path.exists() and name not in RECIPES:
            raise ConfigError(f"{name}: no run here (missing {CONFIG}); give a recipe or a run")
        return build_recipe(name)
    return replace(Run(path).config, threads=0)


def _folder_of(name: str, folder: Path, *, taken: set[Path]) -> Path:
    """In `folder`; two names may leave the same word."""
    word = folder_name(name) or "run"
    places = (folder / (word if turn == 1 else f"{word}-{turn}") for turn in itertools.count(1))
    return next(place for place in places if place not in taken)


def folder_name(text: str) -> str:
    """`text` without what a folder should not be called."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
