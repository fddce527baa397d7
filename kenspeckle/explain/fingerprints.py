"""Fingerprints: the hidden layer of many pictures, class by class (seed document 002).

Bands that all pictures of a class share are what the last layer tells them apart by. How well they
do is a number here: the share of pictures whose fingerprint is nearest to their own class's mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.evaluation.accuracy import Interval, wilson
from kenspeckle.explain.layers import activations, hidden_layer


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """The hidden layer of pictures, in the order of their classes."""

    layer: str
    values: NDArray[np.float32]  # (N, D)
    labels: NDArray[np.int64]  # (N,), ascending
    class_names: tuple[str, ...]
    means: NDArray[np.float32]  # (K, D), of the even half of each class
    n: int  # pictures of the odd halves
    nearest_mean: float  # share of the odd halves that are nearest to their own class's mean
    interval: Interval  # of this share


def fingerprints(network: nn.Module, dataset: Dataset, *, layer: str = "") -> Fingerprints:
    """Of `dataset`, whose pictures have the size of the input; of the last hidden layer.

    Maps of convolutions are averaged over the picture. Raises `ConfigError` for an unknown layer.
    """
    name = layer or hidden_layer(network)
    order = np.argsort(dataset.labels, kind="stable")
    values = activations(network, dataset.images[order], name)
    if values.ndim == 4:
        values = values.mean(axis=(2, 3))
    labels = dataset.labels[order]
    # every second picture of a class makes its mean, the others are told by it
    first = np.searchsorted(labels, labels)
    is_odd = (np.arange(len(labels)) - first) % 2 == 1
    classes = range(len(dataset.class_names))
    means = np.stack([_mean(values[~is_odd & (labels == label)]) for label in classes])
    distances = np.linalg.norm(values[is_odd, None] - means[None], axis=2)
    right = int((distances.argmin(axis=1) == labels[is_odd]).sum())
    n = int(is_odd.sum())
    return Fingerprints(
        layer=name,
        values=values,
        labels=labels,
        class_names=dataset.class_names,
        means=means,
        n=n,
        nearest_mean=right / n if n else float("nan"),
        interval=wilson(right, n) if n else Interval(low=0.0, high=1.0),
    )


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D,); infinitely far away where a class has no picture."""
    if not len(values):
        return np.full(values.shape[1], np.inf, dtype=np.float32)
    mean: NDArray[np.float32] = values.mean(axis=0)
    return mean
