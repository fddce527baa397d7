"""The figures of a search as files in its folder."""

from __future__ import annotations

from pathlib import Path

from kenspeckle import storage
from kenspeckle.searching.records import SearchResult


def write_figures(result: SearchResult) -> tuple[Path, ...]:
    """Write `history.png` and, where it can be told, `importance.png`."""
    from kenspeckle.figures.style import png

    files = []
    for name, record in zip(("history.png", "importance.png"), result.figures, strict=False):
        files.append(result.folder / name)
        storage.write_file(files[-1], png(record.figure()))
    return tuple(files)
