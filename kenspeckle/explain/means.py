"""The mean picture of a data set and of each class, and how far pictures vary around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import parts
from kenspeckle.figures import means as drawing
from kenspeckle.figures.drawable import Drawable


@dataclass(frozen=True, kw_only=True)
class MeanPictures(Drawable):
    """Of all pictures, and of each class; values are in 0..255."""

    class_names: tuple[str, ...]
    counts: NDArray[np.int64]  # (K,) pictures
    mean: NDArray[np.float64]  # (H, W, C)
    deviation: NDArray[np.float64]  # (H, W, C)
    class_means: NDArray[np.float64]  # (K, H, W, C); 0 where a class has no picture
    class_deviations: NDArray[np.float64]  # (K, H, W, C)

    @property
    def explained(self) -> float:
        """Share of the variance of all pixels that the class alone explains, 0..1."""
        total = float((self.deviation**2).sum())
        if not total:
            return 0.0
        within = float((self.counts[:, None, None, None] * self.class_deviations**2).sum())
        return 1 - within / int(self.counts.sum()) / total

    @property
    def title(self) -> str:
        """What it shows."""
        return "Mean pictures of all and of each class"

    @property
    def description(self) -> str:
        """How much of the pixels the class alone explains."""
        return (
            f"Mean and deviation of {self.counts.sum():,} pictures. The class alone explains "
            f"{self.explained:.0%} of the variance of the pixels: the sharper a mean, the more "
            "alike are the pictures of a class and the better they are aligned."
        )

    def figure(self) -> Figure:
        """The mean and the deviation of all, then the mean of each class."""
        return drawing.mean_pictures(self)


def mean_pictures(dataset: Dataset) -> MeanPictures:
    """Of all of `dataset`, exactly, in parts that fit the memory."""
    size = dataset.images.shape[1:]
    classes = len(dataset.class_names)
    sums = np.zeros((classes, *size))
    squares = np.zeros((classes, *size))
    start = 0
    for part in parts(dataset.images):
        labels = dataset.labels[start : start + len(part)]
        start += len(part)
        for label in np.unique(labels):
            chosen = part[labels == label].astype(np.float32)  # exact for squares of bytes
            sums[label] += chosen.sum(axis=0, dtype=np.float64)
            squares[label] += (chosen * chosen).sum(axis=0, dtype=np.float64)
    counts = np.bincount(dataset.labels, minlength=classes)
    each = np.maximum(counts, 1)[:, None, None, None]
    return MeanPictures(
        class_names=dataset.class_names,
        counts=counts,
        mean=sums.sum(axis=0) / len(dataset),
        deviation=_deviation(sums.sum(axis=0) / len(dataset), squares.sum(axis=0) / len(dataset)),
        class_means=sums / each,
        class_deviations=_deviation(sums / each, squares / each),
    )


def _deviation(mean: NDArray[np.float64], square: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(np.maximum(square - mean**2, 0))
    return found
