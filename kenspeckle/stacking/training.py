"""The training loop of `kenspeckle.training` for several networks in step.

Each sees the batches of its own seed, and its network, optimizer and average remain its own: parts
of common tensors, which checkpoints and validations read as ever.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from time import perf_counter

import torch
from torch import Tensor

from kenspeckle.data.batches import Batch, Batches
from kenspeckle.device import Compute
from kenspeckle.errors import NonFiniteError
from kenspeckle.losses import class_weights, loss_of
from kenspeckle.models.heads import Head
from kenspeckle.models.layers import reseed, to_training
from kenspeckle.optim import Optimizer
from kenspeckle.schedule import ScheduleConfig, factor
from kenspeckle.stacking.network import Stack
from kenspeckle.train_config import TrainConfig
from kenspeckle.training import (
    PAUSE,
    Epoch,
    Training,
    count,
    epoch_so_far,
    explained,
    followed,
    next_epoch,
    require_finite,
    tensors,
)

Report = Epoch | Exception


def fit_together(
    trainings: Sequence[Training],
    batches: Sequence[Batches],
    config: TrainConfig,
    *,
    schedule: ScheduleConfig,
    head: Head,
    compute: Compute,
) -> Iterator[dict[int, Report]]:
    """Train all in place; yield an `Epoch` for each when `fit` would, by the index of the training.

    All must have come equally far, of equally many pictures. One that fails is told alone, and the
    others go on. A training has the same bits whatever others it learns beside; alone, it learns
    beside a copy of itself.
    """
    alone = len(trainings) == 1
    if alone:
        trainings = [*trainings, copy.deepcopy(trainings[0])]
        batches = [*batches, batches[0]]
    common = _Common(trainings)
    total = config.total_steps(len(batches[0]))
    weights: list[Tensor | None] = [None] * len(batches)
    if config.balance == "classes":
        weights = [class_weights(one.labels, head.outputs) for one in batches]
    failed: set[int] = {1} if alone else set()  # whose numbers nobody reads any more
    lead = trainings[0]
    common.to_training()
    while lead.total < total:
        is_frozen = lead.epoch < config.frozen_epochs
        for name, parameter in common.stack.parameters.items():
            parameter.requires_grad_(not is_frozen or name.startswith("head."))
        started = paused = perf_counter()
        passes = [one.epoch(lead.epoch, start=lead.step) for one in batches]
        for parts in zip(*passes, strict=True):
            pace = factor(schedule, lead.total / total)
            for training, one in zip(trainings, batches, strict=True):
                reseed(training.network, one.seed, training.epoch, training.step)
            with compute.autocast():
                outputs = common.stack(torch.cat([part.images for part in parts], dim=1))
            outputs = outputs.float()
            losses = _losses(config, head, outputs, parts, weights)
            common.stack.forget_gradients()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            common.stack.hand_out_gradients()
            values = losses.tolist()
            for index, size in enumerate(common.sizes()):
                if index not in failed and not math.isfinite(values[index] + size):
                    failed.add(index)
                    said = (parts[index].images, outputs[index], values[index], pace)
                    yield {index: explained(trainings[index], *said)}
            common.update(pace, config)
            right = _right(head, outputs, parts)
            for training, value, correct in zip(trainings, values, right, strict=True):
                count(training, value, correct, len(parts[0].labels))
            finished = lead.step == len(batches[0]) or lead.total == total
            now = perf_counter()
            if finished or now - paused > PAUSE:
                told: dict[int, Report] = {}
                for index, training in enumerate(trainings):
                    training.seconds += (now - started) / (len(trainings) - alone)
                    if index not in failed:
                        told[index] = _report(training, pace, total, finished=finished)
                    if finished:
                        next_epoch(training)
                failed |= {index for index, one in told.items() if not isinstance(one, Epoch)}
                yield told
                common.to_training()  # whoever was told may have evaluated
                started = paused = perf_counter()
            if finished:
                break


def _report(training: Training, pace: float, total: int, *, finished: bool) -> Report:
    try:
        require_finite(tensors(training), "after the update")
    except NonFiniteError as error:
        return error
    return epoch_so_far(training, pace, total, complete=finished)


class _Common:
    """The stack of all trainings, and what is done to each of them after a backward pass."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self._trainings = trainings
        self._optimizers = [training.optimizer for training in trainings]
        self.stack = Stack([training.network for training in trainings])
        states = [training.network.state_dict() for training in trainings]
        self._states = [
            {name: value for name, value in state.items() if value.is_floating_point()}
            for state in states
        ]

    def to_training(self) -> None:
        """Put all networks in training mode."""
        for training in self._trainings:
            to_training(training.network)

    def sizes(self) -> list[float]:
        """Of each network one number in which any gradient or weight that is not finite shows."""
        groups = [
            [*gradients, *state.values()]
            for gradients, state in zip(self._gradients(), self._states, strict=True)
        ]
        return _norms(groups).tolist()

    def update(self, pace: float, config: TrainConfig) -> None:
        """Clip, step, and let the averages follow."""
        gradients = self._gradients()
        if math.isfinite(config.gradient_clip):
            shares = (config.gradient_clip / (_norms(gradients) + 1e-6)).clamp(max=1.0)
            for own, share in zip(gradients, shares, strict=True):
                torch._foreach_mul_(own, share)
        Optimizer.step_together(self._optimizers, pace)
        for training, state in zip(self._trainings, self._states, strict=True):
            training.average = followed(
                training.average, state, total=training.total, decay=config.averaging
            )

    def _gradients(self) -> list[list[Tensor]]:
        return [
            [p.grad for p in optimizer.parameters.values() if p.grad is not None]
            for optimizer in self._optimizers
        ]


def _norms(groups: Sequence[Sequence[Tensor]]) -> Tensor:
    """(N,): of each group of equally many tensors the norm of all its numbers."""
    norms = torch._foreach_norm([tensor for group in groups for tensor in group])
    together: Tensor = torch.linalg.vector_norm(torch.stack(norms).view(len(groups), -1), dim=1)
    return together


def _losses(
    config: TrainConfig,
    head: Head,
    outputs: Tensor,
    parts: Sequence[Batch],
    weights: Sequence[Tensor | None],
) -> Tensor:
    smoothing = config.label_smoothing
    return torch.stack(
        [
            loss_of(config.loss, head, said, part, smoothing=smoothing, weights=own)
            for said, part, own in zip(outputs, parts, weights, strict=True)
        ]
    )


def _right(head: Head, outputs: Tensor, parts: Sequence[Batch]) -> list[int]:
    labels = torch.stack([part.labels for part in parts])
    logits = torch.stack([head.logits(said) for said in outputs.detach()])
    found: list[int] = (logits.argmax(dim=2) == labels).sum(dim=1).tolist()
    return found
