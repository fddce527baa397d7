"""The ledger, `data.json`: every item in exactly one state, the class map, and the counts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.splits import SPLIT_NAMES, Splits

STATE_LETTERS = {"t": "train", "v": "validation", "e": "test", "x": "excluded"}


def ledger(dataset: Dataset, splits: Splits) -> dict[str, Any]:
    """The document: files in order, and one letter of `STATE_LETTERS` for each of their items."""
    letters = {state: letter for letter, state in STATE_LETTERS.items()}
    states = np.full(len(dataset), letters["excluded"])
    for name in SPLIT_NAMES:
        states[splits.indices(name)] = letters[name]
    return {
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "picture": {
            "height": dataset.images.shape[1],
            "width": dataset.images.shape[2],
            "channels": dataset.images.shape[3],
        },
        "classes": {name: label for label, name in enumerate(dataset.class_names)},
        "counts": {name: _counts(dataset, splits, name) for name in SPLIT_NAMES},
        "files": [asdict(file) for file in dataset.files],
        "state_letters": STATE_LETTERS,
        "states": "".join(states.tolist()),
    }


def _counts(dataset: Dataset, splits: Splits, name: str) -> dict[str, int]:
    labels = dataset.labels[splits.indices(name)]
    counts = np.bincount(labels, minlength=len(dataset.class_names)).tolist()
    return dict(zip(dataset.class_names, counts, strict=True))
