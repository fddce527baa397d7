"""Ideal inputs: the picture of each class that the network likes best (seed document 002).

Gradient descent on the pixels. Without a penalty it finds noise that no eye would call a digit;
"L2 0.25" is the document's remedy. A second network, trained apart, says what it sees in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.device import generator
from kenspeckle.inference import outputs

PenaltyName = Literal["none", "l1", "l2", "total-variation"]


@dataclass(frozen=True, kw_only=True)
class IdealInputsConfig:
    """How the pictures are found; the defaults are the document's best."""

    penalty: PenaltyName = "l2"
    weight: float = 0.25  # of the penalty, on pixels of 0..1
    steps: int = 300
    rate: float = 0.05  # of Adam, on pixels of 0..1
    jitter: int = 0  # pixels by which the picture is shifted at random in each step
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"weight must be 0 or more, got {self.weight}")
        if not 1 <= self.steps <= 100_000:
            raise ValueError(f"steps must be in 1..100000, got {self.steps}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be above 0, got {self.rate}")
        if not 0 <= self.jitter <= 100:
            raise ValueError(f"jitter must be in 0..100, got {self.jitter}")


@dataclass(frozen=True, kw_only=True)
class IdealInputs:
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


def ideal_inputs(
    network: nn.Module,
    class_names: tuple[str, ...],
    *,
    shape: tuple[int, int, int],
    config: IdealInputsConfig | None = None,
    judge: nn.Module | None = None,
) -> IdealInputs:
    """The ideal pictures, (C, H, W) = `shape`, of a `network` that tells classes apart."""
    config = config or IdealInputsConfig()
    classes = len(class_names)
    device = next(network.parameters()).device
    draws = generator(config.seed, "ideal inputs")
    # in 0..1; from a grey that is a little uneven, because a flat one may have no gradient
    pictures = torch.rand(classes, *shape, generator=draws).mul_(0.1).to(device)
    wanted = torch.arange(classes, device=device)
    state = [(p, p.requires_grad) for p in network.parameters()]
    was_training = network.training
    network.eval().requires_grad_(False)
    try:
        with torch.enable_grad():
            pictures = _descend(network, pictures, wanted, config, draws)
    finally:
        network.train(was_training)
        for parameter, required in state:
            parameter.requires_grad_(required)
    images = (pictures * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    own = outputs(network, images).softmax(dim=1)[torch.arange(classes), torch.arange(classes)]
    return IdealInputs(
        config=config,
        class_names=class_names,
        images=images,
        own=own.numpy(),
        judged=None if judge is None else outputs(judge, stretched(images)).argmax(1).numpy(),
    )


def stretched(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each of `images` (K, H, W, C) from 0 to 255; a flat one stays as it is."""
    low = images.min(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    high = images.max(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    span = np.where(high > low, high - low, 255.0)
    low = np.where(high > low, low, 0.0)
    return np.round((images - low) * (255 / span)).astype(np.uint8)


def _descend(
    network: nn.Module,
    pictures: Tensor,
    wanted: Tensor,
    config: IdealInputsConfig,
    draws: torch.Generator,
) -> Tensor:
    """Adam on the pixels, kept within 0..1 (projected)."""
    mean, square = torch.zeros_like(pictures), torch.zeros_like(pictures)
    for step in range(1, config.steps + 1):
        pictures = pictures.detach().requires_grad_()
        seen = pictures
        if config.jitter:
            span = torch.randint(-config.jitter, config.jitter + 1, (2,), generator=draws)
            seen = torch.roll(pictures, span.tolist(), dims=(2, 3))
        loss = F.cross_entropy(network(seen * 255).float(), wanted, reduction="sum")
        loss = loss + config.weight * _penalty(pictures, config.penalty)
        (gradient,) = torch.autograd.grad(loss, pictures)
        with torch.no_grad():
            mean.lerp_(gradient, 0.1)
            square.lerp_(gradient * gradient, 0.01)
            change = (mean / (1 - 0.9**step)) / ((square / (1 - 0.99**step)).sqrt() + 1e-8)
            pictures = (pictures - config.rate * change).clamp(0, 1)
    return pictures.detach()


def _penalty(pictures: Tensor, name: PenaltyName) -> Tensor:
    """Summed over the pixels of all `pictures` (K, C, H, W)."""
    match name:
        case "none":
            return pictures.new_zeros(())
        case "l1":
            return pictures.abs().sum()
        case "l2":
            return (pictures * pictures).sum()
        case "total-variation":
            return pictures.diff(dim=2).abs().sum() + pictures.diff(dim=3).abs().sum()
