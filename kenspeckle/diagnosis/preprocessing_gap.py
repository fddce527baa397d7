"""Is validation prepared otherwise than training? Repairs are tried; one that heals names it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from kenspeckle.data.dataset import Dataset
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier

PICTURES = 400
_GAIN = 0.1  # of accuracy
_CHANCE = 1e-4
Pixels = NDArray[np.float32]
REPAIRS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    # each takes validation pictures (N, H, W, C) and training pictures, in 0..255
    "inverted": lambda images, train: 255 - images,
    "of other brightness or contrast": lambda images, train: (
        (images - images.mean()) / max(1e-3, float(images.std())) * train.std() + train.mean()
    ),
    "inverted, of other brightness or contrast": lambda images, train: (
        (images.mean() - images) / max(1e-3, float(images.std())) * train.std() + train.mean()
    ),
    "mirrored left to right": lambda images, train: images[:, :, ::-1],
    "mirrored top to bottom": lambda images, train: images[:, ::-1],
    "turned by 180 degrees": lambda images, train: images[:, ::-1, ::-1],
    "with rows and columns exchanged": lambda images, train: _turned(images),
    "turned by 90 degrees": lambda images, train: _turned(images)[:, ::-1],
    "turned by 270 degrees": lambda images, train: _turned(images)[:, :, ::-1],
    "with red and blue exchanged": lambda images, train: images[..., ::-1],
}


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The repair that helps most, and how much."""

    repair: str  # how validation differs from training
    plain: float  # accuracy of the model
    repaired: float
    n: int
    p: float  # that chance does it (exact McNemar)


def preprocessing_gap(classifier: Classifier, train: Dataset, validation: Dataset) -> Gap:
    """Tell validation pictures, each time after another repair; all in the size of the input."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(len(validation))[:PICTURES])
    images = np.asarray(validation.images[chosen]).astype(np.float32)
    labels = validation.labels[chosen]
    sample = np.sort(rng.permutation(len(train))[:PICTURES])
    known = np.asarray(train.images[sample]).astype(np.float32)
    plain = _right(classifier, images, labels)
    found = []
    for name, repair in REPAIRS.items():
        changed = repair(images, known)
        if changed.shape != images.shape or np.array_equal(changed, images):
            continue
        right = _right(classifier, changed, labels)
        won, lost = int((right & ~plain).sum()), int((plain & ~right).sum())
        p = float(binomtest(won, won + lost).pvalue) if won > lost else 1.0
        found.append((float(right.mean()), -p, name))
    repaired, p, name = max(found)
    return Gap(repair=name, plain=float(plain.mean()), repaired=repaired, n=len(labels), p=-p)


def gap_findings(found: Gap) -> list[Finding]:
    """A fault where a repair heals much more than chance could."""
    if found.repaired - found.plain < _GAIN or found.p > _CHANCE:
        return []
    return [
        Finding(
            name="preprocessing gap",
            evidence=f"the model tells {found.plain:.1%} of {found.n:,} validation pictures, and "
            f"{found.repaired:.1%} if they are taken as {found.repair} (p={found.p:.1g})",
            why=f"validation pictures are {found.repair}, compared with training pictures",
            advice="read both splits in the same way, from one source",
        )
    ]


def _turned(images: Pixels) -> Pixels:
    return images.transpose(0, 2, 1, 3)


def _right(classifier: Classifier, images: Pixels, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    pixels = np.ascontiguousarray(np.clip(np.round(images), 0, 255).astype(np.uint8))
    said = classifier.head.logits(outputs(classifier.network, pixels)).argmax(dim=1).numpy()
    right: NDArray[np.bool_] = said == labels
    return right
