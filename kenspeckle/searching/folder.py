"""The folder of a search: what was asked, what it holds, and when it may go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kenspeckle import config, storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import RunError
from kenspeckle.runlog import LOCK
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.space import Space
from kenspeckle.settings import RunConfig

SEARCHES = Path("searches")  # where searches go unless told otherwise
ASKED, RESULT, WINNER, TRIALS = "asked.json", "search.json", "winner", "trials"


def require_same(
    folder: Path, identity: Mapping[str, Any], planned: int, plan: SearchConfig
) -> None:
    """Take note of what is asked; raise `RunError` where `folder` is no folder of this search."""
    limits = {"trials": planned, "minutes": plan.minutes}
    path = folder / ASKED
    if not path.is_file():
        foreign = sorted(name.name for name in folder.iterdir() if name.name != LOCK)
        foreign = [name for name in foreign if storage.intended(name) != ASKED]
        if foreign:
            raise RunError(
                f"{folder}: not empty and no search ({foreign[0]} is in it); choose another folder"
            )
        storage.write_json(path, {**identity, "limits": limits})
        return
    try:
        before = json.loads(path.read_bytes())
        differing = [key for key in identity if before[key] != identity[key]]
        limited = before["limits"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: not readable: {error}; choose another folder") from error
    if differing:
        raise RunError(
            f"{folder}: there is a search here with another {differing[0]}; choose another folder, "
            "or go on with it by the command that it was begun with"
        )
    if (folder / RESULT).is_file() and limited != limits:
        raise RunError(
            f"{folder}: this search has ended, and its winner was measured on the test split, "
            "which may be done once; choose another folder for a longer one"
        )
    storage.write_json(path, {**identity, "limits": limits})


def identify(base: RunConfig, space: Space, plan: SearchConfig, data: Dataset) -> dict[str, Any]:
    """What makes a search the same search, as JSON gives it back; limits may change."""
    found = {
        "data": data.fingerprint,
        "configuration": config.to_dict(base),
        "space": {key: values.text for key, values in space.items()},
        "method": plan.method,
        "pruning": plan.pruning,
    }
    plain: dict[str, Any] = json.loads(json.dumps(storage.without_nan(found)))
    return plain


def remove_others(folder: Path) -> None:
    """Delete what killed trials left beside `folder`."""
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if other.is_dir() and other != folder:
                storage.remove_folder(other)


def usual_name(base: RunConfig) -> str:
    """What the folder is called unless told otherwise."""
    return f"{Path(base.source).name.partition('.')[0] or 'data'}-{base.recipe}"


def digest(document: Mapping[str, Any]) -> str:
    """16 letters that are the same for equal documents."""
    return hashlib.sha256(json.dumps(dict(document), sort_keys=True).encode()).hexdigest()[:16]
