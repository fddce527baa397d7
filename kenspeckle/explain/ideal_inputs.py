"""Ideal inputs: the picture of each class that the network likes best (seed document 002).

Gradient descent on the picture. Without a penalty it finds noise that no eye would call a digit;
"L2 0.25" is the document's remedy. A second network, trained apart, says what it sees in them.

What such a judge proves: pictures that a network of other weights recognises carry what networks
trained on these data look for, and not only a weakness of this one. What it does not prove: that
a person would recognise them. The judge has seen the same pictures and shares their accidents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.explain.picture_descent import (
    IdealInputsConfig,
    as_bytes,
    descend,
    held,
    usual_config,
)
from kenspeckle.figures import ideal_inputs as drawing
from kenspeckle.figures.drawable import Drawable
from kenspeckle.inference import outputs
from kenspeckle.models.heads import ClassHead, Head


@dataclass(frozen=True, kw_only=True)
class IdealInputs(Drawable):
    """One picture for each class, and what the network and its judge say of it."""

    config: IdealInputsConfig
    class_names: tuple[str, ...]
    images: NDArray[np.uint8]  # (K, H, W, C), as the network likes them
    own: NDArray[np.float32]  # (K,) the network's probability of the class that was wanted
    judged: NDArray[np.int64] | None  # (K,) what the judge sees in full contrast; None without one

    @property
    def full_contrast(self) -> NDArray[np.uint8]:
        """(K, H, W, C), each from 0 to 255: penalties on bright pixels leave the pictures faint."""
        return stretched(self.images)

    @property
    def recognised(self) -> float:
        """Share of the pictures that the judge takes for the class that was wanted."""
        if self.judged is None:
            return float("nan")
        return float((self.judged == np.arange(len(self.judged))).mean())

    @property
    def title(self) -> str:
        """What it shows."""
        return "Ideal inputs: the picture of each class that the network likes best"

    @property
    def description(self) -> str:
        """How sure the network is, and what a judge says and proves."""
        text = (
            f"Found by {self.config.steps} steps of descent with {self.config.words}. The network "
            f"gives the class that was wanted {self.own.mean():.0%} on the average, at least "
            f"{self.own.min():.0%}."
        )
        if self.judged is None:
            return f"{text} No second network has judged them, so they may show this one's quirks."
        return (
            f"{text} A second network recognises {round(self.recognised * len(self.judged))} of "
            f"{len(self.judged)} in full contrast: those carry what networks trained on such data "
            "look for, which does not prove that a person would recognise them."
        )

    def figure(self) -> Figure:
        """One picture for each class; where the judge disagrees, what it sees."""
        return drawing.ideal_inputs({self.config.words: self}, None)


def ideal_inputs(
    network: nn.Module,
    class_names: tuple[str, ...],
    *,
    shape: tuple[int, int, int],
    config: IdealInputsConfig | None = None,
    judge: nn.Module | None = None,
    head: Head | None = None,
) -> IdealInputs:
    """The ideal pictures, (C, H, W) = `shape`, of a `network` that tells classes apart.

    `judge` takes pictures of the same shape. `head` says what the outputs of both mean, where they
    are not one for each class.
    """
    config = config or usual_config(shape)
    head = head or ClassHead(len(class_names))
    device = next(network.parameters()).device
    wanted = torch.arange(len(class_names), device=device)

    def loss(pictures: Tensor) -> Tensor:
        logits = head.logits(network(pictures * 255).float())
        if config.space == "pixels":
            return F.cross_entropy(logits, wanted, reduction="sum")
        # of probabilities nothing is left to gain after few steps, before a photograph has form
        others = logits.sum(dim=1) - logits[wanted, wanted]
        apart = logits[wanted, wanted] - others / max(1, len(class_names) - 1)
        return F.cross_entropy(logits, wanted, reduction="sum") - apart.sum()

    with held(network):
        pictures = descend(loss, len(class_names), shape, config, device)
    images = as_bytes(pictures)
    own = head.logits(outputs(network, images)).softmax(dim=1).diagonal()
    judged = None
    if judge is not None:
        judged = head.logits(outputs(judge, stretched(images))).argmax(dim=1).numpy()
    return IdealInputs(
        config=config, class_names=class_names, images=images, own=own.numpy(), judged=judged
    )


def stretched(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each of `images` (K, H, W, C) from 0 to 255; a flat one stays as it is."""
    low = images.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    high = images.max(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = np.where(high > low, high - low, 255.0)
    low = np.where(high > low, low, 0.0)
    return np.round((images - low) * (255 / span)).astype(np.uint8)
