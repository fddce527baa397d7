"""Two runs beside each other: settings and facts that differ, and how far the results do.

Needs no torch: the files are read as they are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kenspeckle.config import MAX_BYTES
from kenspeckle.errors import RunError
from kenspeckle.evaluation.difference import Difference, independent_difference, paired_difference
from kenspeckle.foreign import read_regular
from kenspeckle.predictions import load_predictions
from kenspeckle.run_documents import ENVIRONMENT, RESULT, read_document

_CONFIG = "config.toml"
_FACTS = ("versions", "device", "precision", "threads", "processor", "data", "commit")


@dataclass(frozen=True, kw_only=True)
class ResultPair:
    """One split that both runs were measured on."""

    split: str
    accuracies: tuple[float, float]
    counts: tuple[int, int]
    gap: Difference  # of the second over the first
    is_paired: bool  # on the very same items, told by the predictions that both keep


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """What tells two runs apart; a value is None where a run has no such setting."""

    runs: tuple[Path, Path]
    settings: Mapping[str, tuple[Any, Any]]
    facts: Mapping[str, tuple[Any, Any]]
    results: tuple[ResultPair, ...]


def compare_runs(first: Path, second: Path) -> RunDifference:
    """Compare two finished run folders; raise `RunError` where one is none."""
    both = (first, second)
    settings = [dict(_flat(_toml(run / _CONFIG))) for run in both]
    facts = [
        {key: value for key, value in read_document(run / ENVIRONMENT).items() if key in _FACTS}
        for run in both
    ]
    results = [read_document(run / RESULT) for run in both]
    shared = [split for split in results[0] if split in results[1]]
    return RunDifference(
        runs=both,
        settings=_differing(*settings),
        facts=_differing(*(dict(_flat(each)) for each in facts)),
        results=tuple(_pair(both, split, results[0][split], results[1][split]) for split in shared),
    )


def _pair(
    runs: tuple[Path, Path], split: str, one: Mapping[str, Any], other: Mapping[str, Any]
) -> ResultPair:
    accuracies = (float(one["accuracy"]), float(other["accuracy"]))
    counts = (int(one["n"]), int(other["n"]))
    gap = _on_same_items(runs, split)
    hits = (round(accuracies[0] * counts[0]), round(accuracies[1] * counts[1]))
    return ResultPair(
        split=split,
        accuracies=accuracies,
        counts=counts,
        gap=gap or independent_difference(right=hits, counts=counts),
        is_paired=gap is not None,
    )


def _on_same_items(runs: tuple[Path, Path], split: str) -> Difference | None:
    """Paired, where data, splits and so the items are the same; None where that is not known."""
    data = [read_document(run / ENVIRONMENT).get("data") for run in runs]
    splits = [_toml(run / _CONFIG).get("splits") for run in runs]
    files = [run / f"predictions-{split}.npz" for run in runs]
    is_same = data[0] == data[1] and splits[0] == splits[1]
    if not is_same or not all(file.is_file() for file in files):
        return None
    first, second = (load_predictions(file) for file in files)
    if not np.array_equal(first.labels, second.labels):
        return None
    return paired_difference(first.predicted == first.labels, second.predicted == second.labels)


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys((*first, *second))
    pairs = {name: (first.get(name), second.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_regular(path, at_most=MAX_BYTES).decode())
    except FileNotFoundError as error:
        raise RunError(f"{path.parent}: no finished run here (missing {path.name})") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable: {error}") from error
