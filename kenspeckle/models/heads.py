"""What the outputs of a network mean: a score for each class, or one number.

A network that tells a number (seed document 003 counts circles) still answers with a class, the
nearest one, so that everything which measures, predicts and serves works for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kenspeckle.errors import ConfigError
from kenspeckle.predictions import TaskName


@dataclass(frozen=True)
class ClassHead:
    """One output for each of `classes`."""

    classes: int

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a picture."""
        return self.classes

    def logits(self, outputs: Tensor) -> Tensor:
        """(N, K) as they are."""
        return outputs


@dataclass(frozen=True)
class NumberHead:
    """One output: how far the answer lies from the mean of `numbers`, in their deviations."""

    numbers: tuple[float, ...]  # of each class, as its name says

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a picture."""
        return 1

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Mean and deviation of the numbers."""
        numbers = torch.tensor(self.numbers, dtype=torch.float64)
        return float(numbers.mean()), float(numbers.std(correction=0)) or 1.0

    def values(self, outputs: Tensor) -> Tensor:
        """The answers (N,) for `outputs` (N, 1)."""
        mean, deviation = self.scale
        return outputs[:, 0] * deviation + mean

    def targets(self, labels: Tensor) -> Tensor:
        """The numbers (N,) that `labels` (N,) stand for."""
        return torch.tensor(self.numbers, device=labels.device)[labels]

    def logits(self, outputs: Tensor) -> Tensor:
        """(N, K): the nearer a class, the likelier, as in a normal distribution of variance 1.

        Divided by a temperature, the variance is that temperature.
        """
        numbers = torch.tensor(self.numbers, device=outputs.device)
        return -0.5 * (self.values(outputs)[:, None] - numbers) ** 2


Head = ClassHead | NumberHead


def head_of(task: TaskName, class_names: Sequence[str]) -> Head:
    """The head for `class_names`; raise `ConfigError` where they must be numbers and are not."""
    if task == "classes":
        return ClassHead(len(class_names))
    try:
        return NumberHead(tuple(float(name) for name in class_names))
    except ValueError as error:
        raise ConfigError(
            "this loss needs classes that are numbers, such as 45, "
            f"got {', '.join(class_names[:5])}; use train.loss=cross-entropy"
        ) from error
