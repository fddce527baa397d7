"""The ledger, `data.json`: every item and file in exactly one state, the class map, the counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, Origin
from kenspeckle.data.listing import REASONS, Excluded
from kenspeckle.data.splits import SPLIT_NAMES, Splits

EXCLUDED = "excluded"
STATE_LETTERS = {"t": "train", "v": "validation", "e": "test", "x": EXCLUDED}


def ledger(dataset: Dataset, splits: Splits) -> dict[str, Any]:
    """The document; of picture files it names each, of other sources one letter is each item."""
    states = _states(dataset, splits)
    document: dict[str, Any] = {
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "picture": dict(
            zip(("height", "width", "channels"), dataset.images.shape[1:], strict=True)
        ),
        "classes": {name: label for label, name in enumerate(dataset.class_names)},
        "counts": {name: _counts(dataset, splits, name) for name in SPLIT_NAMES},
    }
    if dataset.origin:
        return document | _of_files(dataset, dataset.origin, states)
    letters = {state: letter for letter, state in STATE_LETTERS.items()}
    return document | {
        "files": [asdict(file) for file in dataset.files],
        "state_letters": STATE_LETTERS,
        "states": "".join(letters[state] for state in states.tolist()),
    }


def excluded_files(dataset: Dataset, splits: Splits) -> list[Excluded]:
    """Every file that is not used, with its reason; empty for a source that has no files."""
    if not dataset.origin:
        return []
    states = _states(dataset, splits)
    leaks = [
        Excluded(name=picture.name, reason="leak")
        for picture, state in zip(dataset.origin.pictures, states, strict=True)
        if state == EXCLUDED
    ]
    return [*dataset.origin.excluded, *leaks]


def _of_files(dataset: Dataset, origin: Origin, states: NDArray[np.str_]) -> dict[str, Any]:
    items = [
        {
            "path": picture.name,
            "class": dataset.class_names[label],
            "state": state,
            **({"reason": "leak"} if state == EXCLUDED else {}),
            **({"notes": picture.notes} if picture.notes else {}),
            "sha256": picture.sha256,
        }
        for picture, label, state in zip(
            origin.pictures, dataset.labels.tolist(), states.tolist(), strict=True
        )
    ]
    others = [
        {"path": item.name, "state": EXCLUDED, "reason": item.reason, "detail": item.detail}
        for item in origin.excluded
    ]
    reasons = Counter(item["reason"] for item in [*items, *others] if "reason" in item)
    return {
        "excluded": dict(reasons.most_common()),
        "reasons": {code: REASONS[str(code)] for code in reasons},
        "items": [*items, *others],
    }


def _states(dataset: Dataset, splits: Splits) -> NDArray[np.str_]:
    states = np.full(len(dataset), EXCLUDED, dtype="U10")
    for name in SPLIT_NAMES:
        states[splits.indices(name)] = name
    return states


def _counts(dataset: Dataset, splits: Splits, name: str) -> dict[str, int]:
    labels = dataset.labels[splits.indices(name)]
    counts = np.bincount(labels, minlength=len(dataset.class_names)).tolist()
    return dict(zip(dataset.class_names, counts, strict=True))
