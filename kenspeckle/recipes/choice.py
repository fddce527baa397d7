"""Which recipe suits a source, where the user names none."""

from __future__ import annotations

from dataclasses import dataclass

from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.pictures import SMALL, look
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.detect import list_pictures


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A recipe and why."""

    recipe: str
    reason: str


def recipe_for(source: str, config: SourceConfig, *, progress: Progress | None = None) -> Choice:
    """The recipe for pictures as `source` has them; raises `DataError` as opening it would."""
    listing = list_pictures(source, config)
    if listing is None:
        return Choice(recipe="swift", reason="pictures of one size in one file")
    sizes = {
        (report["height"], report["width"])
        for report in look(listing, config, progress=progress).reports
        if "reason" not in report
    }
    if len(sizes) == 1 and max(next(iter(sizes))) <= SMALL:
        height, width = next(iter(sizes))
        return Choice(recipe="swift", reason=f"all pictures are {height} x {width}")
    return Choice(recipe="photos", reason="pictures of several sizes, or large ones")
