"""Settings of the training loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from kenspeckle.losses import TASK_OF, LossName
from kenspeckle.predictions import TaskName


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, in which batches, and what guards the weights."""

    epochs: float = 10.0  # passes over the training split, in part too; 0 = `steps` decides
    steps: int = 0  # updates; 0 = `epochs` decides
    batch_size: int = 128  # pictures; 0 = chosen by the number of pictures
    shuffle_buffer: int = 0  # pictures among which the next is drawn; 0 = all, which is best
    # cross-entropy and binary tell classes apart; absolute and squared tell a number
    loss: LossName = "cross-entropy"
    balance: Literal["off", "classes"] = "off"  # classes: all count alike, however large
    label_smoothing: float = 0.0  # share of probability that is spread over all classes
    frozen_epochs: int = 0  # first passes, in which only the last layer learns
    layer_decay: float = 1.0  # rate of each layer as a share of the rate of the next one
    averaging: float = 0.0  # decay for each step of the average of weights that is kept; 0 = off
    gradient_clip: float = math.inf  # largest norm of the gradient; inf = never clipped
    patience: int = 0  # epochs without a better validation accuracy before stopping; 0 = never stop
    keep: Literal["best", "last"] = "best"  # the epoch that becomes the model, on validation
    min_delta: float = 0.0  # what counts as better, as a share: 0.001 = 0.1 points
    checkpoint_seconds: float = 10.0  # of training between two checkpoints; 0 = every pause
    keep_checkpoints: int = 3
    keep_models: int = 0  # epochs between two model files that are kept for good; 0 = the best only

    def __post_init__(self) -> None:
        if not (self.epochs >= 0 and self.steps >= 0 and (self.epochs > 0) != (self.steps > 0)):
            raise ValueError(
                "epochs or steps must be above 0 and the other 0, such as epochs=3 and steps=0; "
                f"got epochs={self.epochs:g} and steps={self.steps}"
            )
        for name, least in (("batch_size", 0), ("keep_checkpoints", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        for name in (
            "patience",
            "min_delta",
            "checkpoint_seconds",
            "keep_models",
            "frozen_epochs",
            "shuffle_buffer",
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("label_smoothing", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in 0..1, got {getattr(self, name)}")
        if self.label_smoothing and self.task == "number":
            raise ValueError(f"label_smoothing must be 0 for the loss {self.loss}")
        if self.balance == "classes" and self.task == "number":
            raise ValueError(f"balance must be off for the loss {self.loss}")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay must be in 0..1, got {self.layer_decay}")
        if not self.gradient_clip > 0:
            raise ValueError(f"gradient_clip must be above 0, got {self.gradient_clip}")

    @property
    def task(self) -> TaskName:
        """What the outputs of the network mean."""
        return TASK_OF[self.loss]

    def total_steps(self, steps_per_epoch: int) -> int:
        """How many updates the whole training makes, unless it stops early."""
        return self.steps or max(1, round(self.epochs * steps_per_epoch))
