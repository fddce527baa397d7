"""The training pictures that a picture resembles most, to the network.

Where they have other classes, the network stands on thin ground, or a label is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import Images
from kenspeckle.errors import DataError
from kenspeckle.explain.layers import HEAD
from kenspeckle.explain.vectors import before_head, vectors
from kenspeckle.figures import neighbours as drawing
from kenspeckle.figures.drawable import Drawable
from kenspeckle.models.heads import ClassHead, Head


@dataclass(frozen=True, kw_only=True)
class NearestPictures(Drawable):
    """For each of N pictures its k nearest of the training, the nearest first."""

    layer: str
    images: NDArray[np.uint8]  # (N, H, W, C)
    names: tuple[str, ...]  # (N,) what the network calls each
    found: NDArray[np.uint8]  # (N, k, H, W, C)
    indices: NDArray[np.int64]  # (N, k) in the training data
    labels: NDArray[np.int64]  # (N, k)
    distances: NDArray[np.float64]  # (N, k) 1 - cosine in the layer: 0..2
    predicted: NDArray[np.int64]  # (N,) by the network
    class_names: tuple[str, ...]
    training: int  # how many pictures were searched

    @property
    def disagreeing(self) -> NDArray[np.bool_]:
        """(N, k) where a neighbour has another class than the network says."""
        different: NDArray[np.bool_] = self.labels != self.predicted[:, None]
        return different

    @property
    def title(self) -> str:
        """What it shows."""
        return "The training pictures that each picture resembles most"

    @property
    def description(self) -> str:
        """How many neighbours disagree."""
        wrong = int(self.disagreeing.sum())
        return (
            f"By the angle of their vectors in layer {self.layer}, among {self.training:,} "
            f"training pictures. {wrong} of {self.labels.size} neighbours have another class "
            "than the network says (marked); below each its distance, 0 for the same direction."
        )

    def figure(self) -> Figure:
        """A row for each picture: itself and its neighbours."""
        return drawing.nearest_pictures(self)


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """Training pictures and their places in a layer; kept, it answers in milliseconds."""

    training: Dataset
    layer: str
    directions: NDArray[np.float64]  # (M, D) of length 1

    def nearest(
        self, network: nn.Module, images: Images, k: int = 5, *, head: Head | None = None
    ) -> NearestPictures:
        """For `images` (N, H, W, C); on the terms of `nearest_pictures`."""
        training = self.training
        if not 1 <= k <= len(training):
            raise DataError(f"k must be in 1..{len(training)}, got {k}")
        _check(training, images)
        asked = _directions(vectors(network, images, self.layer))
        said = torch.from_numpy(vectors(network, images, HEAD))
        head = head or ClassHead(len(training.class_names))
        predicted = head.logits(said).argmax(dim=1).numpy()
        distances = 1 - asked @ self.directions.T
        indices = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return NearestPictures(
            layer=self.layer,
            images=np.asarray(images[:]),
            names=tuple(training.class_names[label] for label in predicted),
            found=np.stack([np.asarray(training.images[row]) for row in indices]),
            indices=indices,
            labels=training.labels[indices],
            distances=np.clip(np.take_along_axis(distances, indices, axis=1), 0, 2),
            predicted=predicted,
            class_names=training.class_names,
            training=len(training),
        )


def neighbourhood(network: nn.Module, training: Dataset, *, layer: str = "") -> Neighbourhood:
    """The places of `training` in `layer`, by default in what the head is given."""
    name = layer or before_head(network, training.images)
    directions = _directions(vectors(network, training.images, name))
    return Neighbourhood(training=training, layer=name, directions=directions)


def nearest_pictures(
    network: nn.Module,
    training: Dataset,
    images: Images,
    k: int = 5,
    *,
    layer: str = "",
    head: Head | None = None,
) -> NearestPictures:
    """For `images` (N, H, W, C), by cosine in `layer`, by default in what the head is given.

    `head` says what the outputs mean, where they are not one for each class.
    All pictures have the size of the input. Of training pictures that are equally near, the first.
    Raises `DataError` where `k` is not in 1..len(training) or there is no picture.
    """
    if not 1 <= k <= len(training):
        raise DataError(f"k must be in 1..{len(training)}, got {k}")
    _check(training, images)
    return neighbourhood(network, training, layer=layer).nearest(network, images, k, head=head)


def _check(training: Dataset, images: Images) -> None:
    if not len(images):
        raise DataError("no picture to look up; give at least one")
    if images.shape[1:] != training.images.shape[1:]:
        raise DataError(
            f"pictures must have the shape of the training data, {training.images.shape[1:]}, "
            f"got {images.shape[1:]}"
        )


def _directions(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rows of length 1; a row of zeros stays, at distance 1 from all."""
    exact = values.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return exact / np.where(lengths > 0, lengths, 1.0)
