"""The folder of reproduced experiments: `reproduction.json`, one page, and the pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from kenspeckle import device, storage
from kenspeckle.environment import environment
from kenspeckle.errors import RunError
from kenspeckle.experiments.catalog import EXPERIMENTS, Reproduction
from kenspeckle.experiments.outcome import Quantity
from kenspeckle.foreign import is_plain_name, read_regular
from kenspeckle.pages.reproduction import markdown, page

_LARGEST = 64 << 20  # bytes of the document, or of a picture
DOCUMENT, PAGE, TEXT, PICTURES = (
    "reproduction.json",
    "reproduction.html",
    "reproduction.md",
    "pictures",
)


def write_record(folder: Path, found: Reproduction) -> dict[str, Any]:
    """Put one experiment into the record in `folder`, in place of an earlier one of its name.

    Returns the whole document.
    """
    storage.make_folder(folder / PICTURES)
    entry = _entry(found)
    if found.outcome:
        for item, picture in zip(entry["pictures"], found.outcome.pictures, strict=True):
            storage.write_file(folder / PICTURES / item["file"], picture.png)
    entries = {item["name"]: item for item in _earlier(folder)} | {found.name: entry}
    document = {
        "environment": environment(device.choose()),
        "experiments": [entries[name] for name in EXPERIMENTS if name in entries],
    }
    storage.write_json(folder / DOCUMENT, document)
    names = [p["file"] for item in document["experiments"] for p in item["pictures"]]
    pictures = {name: _picture(folder, name) for name in names}
    storage.write_file(folder / PAGE, page(document, pictures).encode())
    storage.write_file(folder / TEXT, markdown(document, folder=PICTURES).encode())
    return document


def _earlier(folder: Path) -> list[dict[str, Any]]:
    """What the record holds already."""
    path = folder / DOCUMENT
    if not path.exists():
        return []
    try:
        data = read_regular(path, at_most=_LARGEST)
        entries: list[dict[str, Any]] = json.loads(data)["experiments"]
        files = [picture["file"] for item in entries for picture in item["pictures"]]
        is_sound = all(item["name"] in EXPERIMENTS for item in entries)
        is_sound = is_sound and all(map(is_plain_name, files))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{path}: not a record of experiments; choose another --out") from error
    if not is_sound:
        raise RunError(f"{path}: it names no experiment, or files elsewhere; choose another --out")
    return entries


def _picture(folder: Path, name: str) -> bytes:
    path = folder / PICTURES / name
    try:
        return read_regular(path, at_most=_LARGEST, links="refused")
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from error


def _entry(found: Reproduction) -> dict[str, Any]:
    about = found.experiment
    outcome = found.outcome
    return {
        "name": found.name,
        "document": about.document,
        "section": about.section,
        "headline": about.headline,
        "quick": found.quick,
        "settings": list(found.settings),
        "skipped": found.skipped,
        "seconds": found.seconds,
        "seeds": outcome.seeds if outcome else 0,
        "story": outcome.story if outcome else "",
        "notes": list(outcome.notes) if outcome else [],
        "recipe": outcome.recipe if outcome else "",
        "quantities": [_quantity(q, quick=found.quick) for q in outcome.quantities]
        if outcome
        else [],
        "pictures": [
            {"title": p.title, "about": p.about, "file": f"{found.name}-{number}.png"}
            for number, p in enumerate(outcome.pictures, start=1)
        ]
        if outcome
        else [],
    }


def _quantity(item: Quantity, *, quick: bool) -> dict[str, Any]:
    return {
        "name": item.name,
        "headline": item.headline,
        "unit": item.unit,
        "values": [None if math.isnan(value) else value for value in item.values],
        "mean": None if math.isnan(item.mean) else item.mean,
        "deviation": None if math.isnan(item.deviation) else item.deviation,
        "n": item.n,
        "interval": [item.interval.low, item.interval.high] if item.interval else None,
        "least": item.least,
        "most": item.most,
        # a quick run measures nothing that could be met or missed
        "met": None if quick else item.met,
    }
