"""What the server says of one picture; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model says of one picture; where `error` is not empty, the rest is."""

    name: str = ""  # of the file, as the client calls it
    label: str = ""
    probability: float = 0.0
    runner_up: str = ""
    runner_up_probability: float = 0.0
    probabilities: tuple[float, ...] = ()  # of each class, in the order of the model
    value: float | None = None  # where the model tells a number
    error: str = ""
    version: str = ""  # of the model: the first 12 hex digits of the SHA-256 of its file


def told(
    probabilities: Sequence[float], class_names: Sequence[str], *, value: float | None, version: str
) -> Answer:
    """The answer that `probabilities` (K,) mean; of equal ones the first class, as offline."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True)[:2]
    first, second = order[0], order[-1]
    return Answer(
        label=class_names[first],
        probability=probabilities[first],
        runner_up=class_names[second],
        runner_up_probability=probabilities[second],
        probabilities=tuple(probabilities),
        value=value,
        version=version,
    )


def document(answer: Answer, class_names: Sequence[str]) -> dict[str, Any]:
    """`answer` as in the JSON of `POST /predict`."""
    if answer.error:
        return {
            "name": answer.name,
            "label": None,
            "probability": None,
            "runner_up": None,
            "runner_up_probability": None,
            "probabilities": None,
            "value": None,
            "error": answer.error,
        }
    return {
        "name": answer.name,
        "label": answer.label,
        "probability": answer.probability,
        "runner_up": answer.runner_up,
        "runner_up_probability": answer.runner_up_probability,
        "probabilities": dict(zip(class_names, answer.probabilities, strict=True)),
        "value": answer.value,
        "error": None,
    }
