"""The right answers, and what is wrong with one that is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Offline answers of one model to pictures; `judge` compares."""

    version: str
    class_names: tuple[str, ...]
    paths: tuple[Path, ...]
    probabilities: NDArray[np.float64]  # (N, K)
    tolerance: float = TOLERANCE

    @classmethod
    def read(cls, path: Path) -> Expected:
        """What `offline.py` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            return cls(
                version=about["version"],
                class_names=tuple(about["class_names"]),
                paths=tuple(map(Path, about["pictures"])),
                probabilities=stored["probabilities"].astype(np.float64),
            )

    def write(self, path: Path) -> None:
        """For `read`."""
        about = {
            "version": self.version,
            "class_names": self.class_names,
            "pictures": [str(each) for each in self.paths],
        }
        np.savez(path, probabilities=self.probabilities, about=json.dumps(about))

    def only(self, chosen: Sequence[int]) -> Expected:
        """Of some pictures."""
        return replace(
            self,
            paths=tuple(self.paths[each] for each in chosen),
            probabilities=self.probabilities[list(chosen)],
        )

    def distinct(self, count: int, *, apart: float = 1e-3) -> list[int]:
        """Pictures no two of which have answers that could be taken for each other.

        The least certain first: of those that the model is sure of, all answers are alike.
        """
        chosen: list[int] = []
        for each in np.argsort(self.probabilities.max(axis=1), kind="stable"):
            others = self.probabilities[chosen]
            gaps = np.abs(others - self.probabilities[each]).max(axis=1)
            if not chosen or gaps.min() > apart:
                chosen.append(int(each))
            if len(chosen) == count:
                break
        return chosen

    def judge(self, picture: int, found: dict[str, Any]) -> str:
        """What is wrong with the answer to `picture`; empty where nothing is."""
        shares = found.get("probabilities")
        if not isinstance(shares, dict) or set(shares) != set(self.class_names):
            return f"no probabilities of the classes: {str(found)[:80]}"
        row = np.array([shares[name] for name in self.class_names])
        gap = float(np.abs(row - self.probabilities[picture]).max())
        if not gap <= self.tolerance:
            other = int(np.argmin(np.abs(self.probabilities - row).max(axis=1)))
            if np.abs(self.probabilities[other] - row).max() <= self.tolerance:
                return f"mixed up: the answer to picture {other} was given to {picture}"
            return f"wrong: picture {picture} differs by {gap:.2g}"
        label = self.class_names[int(np.argmax(self.probabilities[picture]))]
        if found.get("label") != label:
            return f"wrong: picture {picture} is called {found.get('label')}, not {label}"
        return ""


def judge_answer(models: Sequence[Expected], picture: int, body: bytes) -> str:
    """What is wrong with the body of a 200; it must be of the model that it names."""
    try:
        document = json.loads(body)
        if "predictions" not in document:  # of a peer
            return models[0].judge(picture, document)
        [found] = document["predictions"]
        version = document["version"]
    except (ValueError, KeyError, TypeError):
        return f"not an answer: {body[:80]!r}"
    for model in models:
        if model.version == version:
            return model.judge(picture, found)
    return f"of an unknown version {version}"
