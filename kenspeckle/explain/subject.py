"""What is looked at: a network by itself, or a classifier that knows what its outputs mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.errors import DataError
from kenspeckle.explain.layers import evaluating, writable
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import ClassHead, Head


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network and how to read its outputs."""

    network: nn.Module
    class_names: tuple[str, ...]
    head: Head
    temperature: float

    def shares(self, given: Tensor) -> Tensor:
        """Probabilities (N, K) for outputs (N, outputs)."""
        return (self.head.logits(given) / self.temperature).softmax(dim=1)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, K) for `images` (N, H, W, C)."""
        with evaluating(self.network):
            found: NDArray[np.float32] = self.shares(
                outputs(self.network, writable(images))
            ).numpy()
        return found

    def scores(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """(N,) the output of each target class, before softmax; of a number, the number."""
        given: Tensor = self.network(pixels).float()
        chosen = torch.zeros_like(targets) if given.shape[1] == 1 else targets
        return given.gather(1, chosen[:, None])[:, 0]


def network_of(model: nn.Module | Classifier) -> nn.Module:
    """The network itself."""
    return model.network if isinstance(model, Classifier) else model


def subject(model: nn.Module | Classifier, images: NDArray[np.uint8]) -> Subject:
    """`model` made ready to look at `images` (N, H, W, C), which must be of its input's size.

    The classes of a network by itself are called by their numbers. Raises `DataError` where the
    pictures cannot be what it takes.
    """
    check_pictures(model, images)
    if isinstance(model, Classifier):
        return Subject(
            network=model.network,
            class_names=model.class_names,
            head=model.head,
            temperature=model.temperature,
        )
    with evaluating(model), torch.inference_mode():
        classes = outputs(model, writable(images[:1])).shape[1]
    return Subject(
        network=model,
        class_names=tuple(map(str, range(classes))),
        head=ClassHead(classes),
        temperature=1.0,
    )


def check_pictures(model: nn.Module | Classifier, images: NDArray[np.uint8]) -> None:
    """Raise `DataError` unless `images` are pictures of the size of the input."""
    if images.ndim != 4 or images.dtype != np.uint8 or not len(images):
        raise DataError(
            "pictures must be uint8 (N, H, W, C) with N of 1 or more, "
            f"got {images.dtype} {images.shape}"
        )
    if isinstance(model, Classifier):
        channels, height, width = model.shape
        if images.shape[1:] != (height, width, channels):
            raise DataError(
                f"the network takes pictures of {height} x {width} x {channels}, got "
                f"{' x '.join(map(str, images.shape[1:]))}; bring them to its size first "
                "(kenspeckle.data.preprocess.dataset_views)"
            )
