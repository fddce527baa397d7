"""Losses: what a step makes smaller, averaged over the pictures of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from kenspeckle.data.batches import Batch
from kenspeckle.models.heads import ClassHead, Head
from kenspeckle.predictions import TaskName

LossName = Literal["cross-entropy", "binary", "absolute", "squared"]
TASK_OF: dict[LossName, TaskName] = {
    "cross-entropy": "classes",
    "binary": "classes",
    "absolute": "number",
    "squared": "number",
}


def loss_of(
    name: LossName,
    head: Head,
    outputs: Tensor,
    batch: Batch,
    *,
    smoothing: float = 0.0,
    weights: Tensor | None = None,
) -> Tensor:
    """The mean loss () of `outputs` (n, outputs); pictures that were mixed count for both labels.

    `smoothing` is the share of probability that is spread over all classes (Szegedy et al. 2016);
    `weights` (K,) say how much a picture of each class counts.
    """

    def against(labels: Tensor) -> Tensor:
        if isinstance(head, ClassHead):
            return _CLASS_LOSSES[name](outputs, labels, smoothing, weights)
        return _NUMBER_LOSSES[name](head.values(outputs), head.targets(labels))

    loss = against(batch.labels)
    if batch.partners is None:
        return loss
    return batch.share * loss + (1 - batch.share) * against(batch.partners)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """(K,) numbers with which all classes of `labels` (N,) count alike, 1 on the average."""
    counts = torch.bincount(labels, minlength=classes)
    return len(labels) / (classes * counts.clamp(min=1))


def _cross_entropy(
    logits: Tensor, labels: Tensor, smoothing: float, weights: Tensor | None
) -> Tensor:
    return F.cross_entropy(logits, labels, weights, label_smoothing=smoothing)


def _binary(logits: Tensor, labels: Tensor, smoothing: float, weights: Tensor | None) -> Tensor:
    """Each class as a yes or no of its own, summed, on softmax (seed document 002)."""
    said = logits.softmax(dim=1).clamp(1e-10, 0.9999999)
    true = F.one_hot(labels, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    losses = -(true * said.log() + (1 - true) * (1 - said).log()).sum(dim=1)
    if weights is None:
        return losses.mean()
    return (losses * weights[labels]).sum() / weights[labels].sum()


_CLASS_LOSSES: dict[str, Callable[[Tensor, Tensor, float, Tensor | None], Tensor]] = {
    "cross-entropy": _cross_entropy,
    "binary": _binary,
}
_NUMBER_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "absolute": F.l1_loss,
    "squared": F.mse_loss,
}
