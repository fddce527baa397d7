"""Fingerprints: the hidden layer of many pictures, class by class (seed document 002).

Bands that all pictures of a class share are what the last layer tells them apart by. How well they
do is a number here: the share of pictures whose fingerprint is nearest to their own class's mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import ConfigError
from kenspeckle.evaluation.accuracy import Interval, wilson
from kenspeckle.explain.layers import hidden_layer
from kenspeckle.explain.vectors import before_head, vectors
from kenspeckle.figures import fingerprints as drawing
from kenspeckle.figures.drawable import Drawable


@dataclass(frozen=True, kw_only=True)
class Fingerprints(Drawable):
    """The hidden layer of pictures, in the order of their classes."""

    layer: str
    values: NDArray[np.float32]  # (N, D)
    labels: NDArray[np.int64]  # (N,), ascending
    class_names: tuple[str, ...]
    means: NDArray[np.float32]  # (K, D), of the even half of each class
    n: int  # pictures of the odd halves
    nearest_mean: float  # share of the odd halves that are nearest to their own class's mean
    interval: Interval  # of this share
    # (K, K) Fisher's ratio of two classes on the line between their means: the squared distance
    # over the sum of both variances; NaN on the diagonal and for classes of less than two pictures
    separation: NDArray[np.float64]

    @property
    def closest(self) -> tuple[int, int] | None:
        """The two classes that are least apart; None where no two can be compared."""
        if np.isnan(self.separation).all():
            return None
        first, second = divmod(int(np.nanargmin(self.separation)), len(self.class_names))
        return first, second

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Fingerprints of the classes in layer {self.layer}"

    @property
    def description(self) -> str:
        """How well the classes are told apart by it."""
        text = (
            f"Each column is one picture and each row one of {self.values.shape[1]:,} units, "
            "brighter where it is more active; rows are in the order of the class that excites "
            "them most."
        )
        if self.n:
            text += (
                f" The mean fingerprint of each class alone tells {self.nearest_mean:.1%} "
                f"({self.interval.low:.1%} to {self.interval.high:.1%}) of {self.n:,} other "
                "pictures."
            )
        pair = self.closest
        if pair and len(self.class_names) > 2:
            names = " and ".join(self.class_names[label] for label in pair)
            text += (
                f" Least apart are {names}: Fisher's ratio {self.separation[pair]:.2g}, against "
                f"{np.nanmedian(self.separation):.2g} in the middle of all pairs."
            )
        return text

    def figure(self) -> Figure:
        """A panel for each class."""
        return drawing.fingerprints(self)


def fingerprints(network: nn.Module, dataset: Dataset, *, layer: str = "") -> Fingerprints:
    """Of `dataset`, whose pictures have the size of the input; of the last hidden layer.

    Maps of convolutions are averaged over the picture. Raises `ConfigError` for an unknown layer.
    """
    name = layer or _hidden(network, dataset)
    order = np.argsort(dataset.labels, kind="stable")
    values = vectors(network, dataset.take(order).images, name)
    labels = dataset.labels[order]
    # every second picture of a class makes its mean, the others are told by it
    first = np.searchsorted(labels, labels)
    is_odd = (np.arange(len(labels)) - first) % 2 == 1
    classes = range(len(dataset.class_names))
    means = np.stack([_mean(values[~is_odd & (labels == label)]) for label in classes])
    n = int(is_odd.sum())
    right = 0
    if n:
        nearest = cdist(values[is_odd], means).argmin(axis=1)
        right = int((nearest == labels[is_odd]).sum())
    return Fingerprints(
        layer=name,
        values=values,
        labels=labels,
        class_names=dataset.class_names,
        means=means,
        n=n,
        nearest_mean=right / n if n else float("nan"),
        interval=wilson(right, n) if n else Interval(low=0.0, high=1.0),
        separation=separation(values, labels, classes=len(classes)),
    )


def separation(
    values: NDArray[np.float32], labels: NDArray[np.int64], *, classes: int
) -> NDArray[np.float64]:
    """(K, K) Fisher's ratio of each two classes of `values` (N, D), along the line of their means.

    Infinite where neither class varies along it; 0 where the means are equal.
    """
    groups = [values[labels == label].astype(np.float64) for label in range(classes)]
    means = np.stack(
        [group.mean(axis=0) if len(group) else np.zeros(values.shape[1]) for group in groups]
    )
    variances = np.full((classes, classes), np.nan)  # of a class on its lines to all others
    for label, group in enumerate(groups):
        if len(group) > 1:
            lines = means - means[label]
            variances[label] = (group @ lines.T).var(axis=0)
    squares = cdist(means, means, "sqeuclidean")
    both = variances + variances.T
    ratios = np.full((classes, classes), np.nan)
    known = ~np.isnan(both) & ~np.eye(classes, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios[known] = np.where(squares > 0, squares**2 / both, 0.0)[known]
    return ratios


def _hidden(network: nn.Module, dataset: Dataset) -> str:
    """The last activation; in networks of other libraries, what the last layer is given."""
    try:
        name = hidden_layer(network)
    except ConfigError:
        return before_head(network, dataset.images)
    return before_head(network, dataset.images) if name.startswith("body.") else name


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D,); infinitely far away where a class has no picture."""
    if not len(values):
        return np.full(values.shape[1], np.inf, dtype=np.float32)
    mean: NDArray[np.float32] = values.mean(axis=0)
    return mean
