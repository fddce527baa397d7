"""What the most similar pictures say, without any training: a reference for networks.

Each picture asks its nearest training pictures, by the pixels of a small grey version, which class
it has. A network should do no worse; labels on which look-alikes disagree at random are noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import Images
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.evaluation.accuracy import wilson

SIDE = 14  # pixels of the small version
NEIGHBOURS = 5
TRAIN, VALIDATION = 4000, 1000  # pictures at most
_NOISE = 0.1  # share of labels that is a fault
_MANY = 1000  # pictures: among fewer, the most similar one is often of another class
_FEWEST = 4  # classes: with fewer, noise and confusion cannot be told apart
_SMALL = 64  # pixels a side
_COPY = 0.998  # correlation of pictures that are one and the same


@dataclass(frozen=True, kw_only=True)
class LookAlikes:
    """How often the nearest pictures have the label of the one that asks."""

    train_accuracy: float  # of training pictures by others of them
    train_n: int
    validation_accuracy: float  # of validation pictures by training pictures
    validation_n: int
    chance: float  # share of the largest class
    noise: float  # share of labels that spread evenly over all classes; 0 where not measured
    copies: int  # validation pictures that are copies of a training picture, or nearly


def look_alikes(train: Dataset, validation: Dataset) -> LookAlikes:
    """Compare samples of both splits; seconds for a thousand million pairs."""
    known, asked = _some(train, TRAIN), _some(validation, VALIDATION)
    known_rows, asked_rows = small_rows(known.images), small_rows(asked.images)
    own = known_rows @ known_rows.T
    np.fill_diagonal(own, -2.0)
    said = _vote(own, known.labels)
    others = asked_rows @ known_rows.T
    told = _vote(others, known.labels)
    # copies are searched among all training pictures
    every = small_rows(train.images) if len(train) > len(known) else known_rows
    nearest = np.concatenate(
        [(rows @ every.T).max(axis=1) for rows in np.array_split(asked_rows, 8)]
    )
    return LookAlikes(
        train_accuracy=float((said == known.labels).mean()),
        train_n=len(known),
        validation_accuracy=float((told == asked.labels).mean()),
        validation_n=len(asked),
        chance=float(np.bincount(known.labels).max() / len(known)),
        # the pixels of larger pictures, or of few, say too little of their class
        noise=_noise(said, known.labels, len(train.class_names))
        if max(train.images.shape[1:3]) <= _SMALL and len(known) >= _MANY
        else 0.0,
        copies=int((nearest > _COPY).sum()),
    )


def small_rows(images: Images, side: int = SIDE) -> NDArray[np.float32]:
    """(N, side * side) of unit length and mean 0 for `images` (N, H, W, C)."""
    kept = []
    for start in range(0, len(images), 2000):
        grey = np.asarray(images[start : start + 2000]).mean(axis=3, dtype=np.float32)
        down, across = max(1, grey.shape[1] // side), max(1, grey.shape[2] // side)
        height, width = grey.shape[1] // down, grey.shape[2] // across
        grey = grey[:, : height * down, : width * across]
        small = grey.reshape(len(grey), height, down, width, across).mean(axis=(2, 4))
        kept.append(small.reshape(len(grey), -1))
    rows = np.concatenate(kept)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: NDArray[np.float32] = (rows / np.where(lengths > 1e-3, lengths, np.inf)).astype(
        np.float32
    )
    return found


def label_findings(found: LookAlikes) -> list[Finding]:
    """Whether the labels of training pictures have to do with them."""
    advice = "check that pictures and labels are read in the same order; see `ken data`"
    if found.noise > _NOISE:
        is_all = found.noise > 0.6
        return [
            Finding(
                name="labels do not fit the pictures" if is_all else "mislabelled items",
                evidence=f"of {found.train_n:,} training pictures {found.train_accuracy:.1%} have "
                f"the label of the pictures most like them, and {found.noise:.0%} of the labels "
                "are spread evenly over all classes",
                why="labels that have nothing to do with the pictures cannot be learned",
                advice=advice if is_all else "`ken diagnose SOURCE --review FILE` lists them",
            )
        ]
    return []


def split_label_findings(found: LookAlikes) -> list[Finding]:
    """Whether those of validation pictures do; of pictures of one kind in both splits."""
    train = wilson(round(found.train_accuracy * found.train_n), found.train_n)
    other = wilson(round(found.validation_accuracy * found.validation_n), found.validation_n)
    if train.low > 3 * found.chance and other.low < 1.5 * found.chance:
        return [
            Finding(
                name="labels do not fit the pictures",
                evidence=f"{found.train_accuracy:.1%} of training pictures have the label of "
                f"training pictures most like them, but {found.validation_accuracy:.1%} of "
                f"validation pictures (n={found.validation_n:,}, chance {found.chance:.1%})",
                why="the labels of the validation split follow another order or class map",
                advice="check that pictures and labels are read in the same order; see `ken data`",
            )
        ]
    return []


def copy_findings(found: LookAlikes, *, near_allowed: float = 0.01) -> list[Finding]:
    """Validation pictures that were learned from."""
    share = found.copies / found.validation_n
    if found.copies < 5 or share <= near_allowed:
        return []
    return [
        Finding(
            name="leak between splits",
            evidence=f"{found.copies:,} of {found.validation_n:,} validation pictures "
            f"({share:.1%}) are copies of training pictures, or nearly",
            why="what was learned by heart is told rightly, and the figure is too good",
            advice="remove the copies, or let the splits be drawn: copies then stay together",
        )
    ]


def _vote(likeness: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class that most of the nearest have, those more alike counting a little more."""
    count = min(NEIGHBOURS, likeness.shape[1] - 1)
    nearest = np.argpartition(-likeness, count, axis=1)[:, :count]
    weights = np.take_along_axis(likeness, nearest, axis=1) + 3.0
    votes = np.zeros((len(likeness), int(labels.max()) + 1))
    for place in range(count):
        np.add.at(votes, (np.arange(len(votes)), labels[nearest[:, place]]), weights[:, place])
    found: NDArray[np.int64] = votes.argmax(axis=1)
    return found


def _noise(said: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> float:
    """The floor of the confusions: real ones favour some classes, wrong labels favour none."""
    if classes < _FEWEST:
        return 0.0
    table = np.zeros((classes, classes))
    np.add.at(table, (labels, said), 1)
    shares = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    others = shares[~np.eye(classes, dtype=bool)].reshape(classes, classes - 1)
    return float(np.median(np.quantile(others, 0.3, axis=1)) * (classes - 1))


def _some(data: Dataset, most: int) -> Dataset:
    if len(data) <= most:
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:most]))
