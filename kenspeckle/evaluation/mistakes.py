"""Mistakes: the items that were told wrongly, and those that cost the most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kenspeckle.evaluation.accuracy import log_losses
from kenspeckle.predictions import Predictions


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said of one item."""

    item: int  # its place in the predictions
    label: int
    predicted: int
    probability: float  # of the predicted class
    loss: float  # negative log-likelihood of the label, in nats

    @property
    def is_right(self) -> bool:
        """Whether the predicted class is the label."""
        return self.label == self.predicted


def mistakes(predictions: Predictions) -> tuple[Answer, ...]:
    """Every item that is told wrongly, the surest first."""
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    said = predictions.probabilities[wrong].max(axis=1)
    return _answers(predictions, wrong[np.argsort(-said, kind="stable")])


def top_losses(predictions: Predictions, most: int) -> tuple[Answer, ...]:
    """The `most` items with the highest loss, the worst first; right ones may be among them."""
    return _answers(predictions, np.argsort(-log_losses(predictions), kind="stable")[:most])


def _answers(predictions: Predictions, items: NDArray[np.int64]) -> tuple[Answer, ...]:
    predicted, losses = predictions.predicted, log_losses(predictions)
    return tuple(
        Answer(
            item=item,
            label=int(predictions.labels[item]),
            predicted=int(predicted[item]),
            probability=float(predictions.probabilities[item, predicted[item]]),
            loss=float(losses[item]),
        )
        for item in items.tolist()
    )
