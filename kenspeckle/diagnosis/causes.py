"""The order of findings: the root cause first, and what it explains is left out."""

from __future__ import annotations

from collections.abc import Iterable

from kenspeckle.diagnosis.findings import Finding

# from what would spoil any training to what is left when all else is right
ORDER = (
    "not a number",
    "constant inputs",
    "labels do not fit the pictures",
    "exploding gradients",
    "saturated softmax",
    "vanishing gradients",
    "dead ReLUs",
    "rate too high",
    "rate too low",
    "preprocessing gap",
    "leak between splits",
    "duplicated inputs",
    "distribution shift",
    "augmentation changes labels",
    "class imbalance",
    "mislabelled items",
    "cannot learn one batch",
    "too short",
    "underfitting",
    "too little data",
    "overfitting",
)
_OUTCOMES = ("too short", "underfitting", "overfitting", "too little data")
_LEARNING = ("rate too high", "rate too low", "cannot learn one batch", *_OUTCOMES)
_ACTIVATIONS = ("dead ReLUs", "vanishing gradients", "saturated softmax")
EXPLAINS: dict[str, tuple[str, ...]] = {
    "not a number": (*_LEARNING, *_ACTIVATIONS),
    "constant inputs": (
        "labels do not fit the pictures",
        "duplicated inputs",
        "leak between splits",
        "distribution shift",
        "preprocessing gap",
        "mislabelled items",
        "exploding gradients",
        *_LEARNING,
        *_ACTIVATIONS,
    ),
    "labels do not fit the pictures": ("mislabelled items", *_LEARNING),
    "exploding gradients": (*_LEARNING, *_ACTIVATIONS, "not a number"),
    "dead ReLUs": _LEARNING,
    "vanishing gradients": ("dead ReLUs", *_LEARNING),
    "saturated softmax": _LEARNING,
    "rate too high": ("cannot learn one batch", *_ACTIVATIONS, *_OUTCOMES),
    "rate too low": ("cannot learn one batch", *_OUTCOMES),
    "preprocessing gap": ("distribution shift", "leak between splits", "overfitting"),
    "duplicated inputs": ("leak between splits", "overfitting", "too little data"),
    "distribution shift": ("overfitting", "too little data"),
    "augmentation changes labels": ("too short", "underfitting"),
    "class imbalance": ("overfitting", "underfitting", "mislabelled items"),
    "mislabelled items": ("overfitting", "underfitting", "too short"),
    "cannot learn one batch": ("underfitting", "too short"),
    "overfitting": ("saturated softmax",),
}


def root_causes(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """`findings` from the root to the leaves, without faults that another one explains."""
    every = sorted(findings, key=lambda found: (not found.is_fault, _place(found.name)))
    explained: set[str] = set()
    kept: list[Finding] = []
    for found in every:
        if found.is_fault and found.name in explained:
            continue
        if found.is_fault:
            explained |= set(EXPLAINS.get(found.name, ()))
        if not found.is_fault or found.name not in {other.name for other in kept}:
            kept.append(found)
    return tuple(kept)


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
