"""Short trainings on a copy, which answer "what would happen if"; the network itself stays."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kenspeckle.course import Course
from kenspeckle.data.batches import Batch
from kenspeckle.device import Compute
from kenspeckle.losses import loss_of
from kenspeckle.models.heads import Head
from kenspeckle.models.layers import reseed, to_training
from kenspeckle.optim import Optimizer
from kenspeckle.settings import RunConfig

_ENDS = 5  # steps whose mean loss counts as the loss of a trial


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A network at its start, its pictures and the settings that trials are made with."""

    course: Course
    settings: RunConfig
    head: Head
    compute: Compute

    @property
    def chance(self) -> float:
        """The loss of guessing, in nats."""
        return math.log(max(2, len(np.unique(self.course.batches.labels.cpu().numpy()))))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What became of a copy."""

    losses: tuple[float, ...]  # cross-entropy of each step, in nats; infinite where it broke off
    network: nn.Module

    @property
    def first(self) -> float:
        """Mean loss of the first steps."""
        return float(np.mean(self.losses[:_ENDS]))

    @property
    def last(self) -> float:
        """Mean loss of the last steps; infinite if it broke off."""
        return float(np.mean(self.losses[-_ENDS:]))


def attempt(
    bench: Bench,
    *,
    steps: int,
    factor: float = 1.0,
    network: nn.Module | None = None,
    only: Batch | None = None,
    seconds: float = math.inf,
) -> Trial:
    """Train a copy for at most `steps` updates or `seconds` at `factor` of the configured rate.

    The copy is of `network`, or of the start; it sees the batches of the training, or `only` one.
    """
    settings, batches = bench.settings, bench.course.batches
    network = copy.deepcopy(network or bench.course.training.network)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    optimizer = Optimizer(
        dict(network.named_parameters()),
        settings.optimizer,
        layer_decay=settings.train.layer_decay,
    )
    to_training(network)
    losses: list[float] = []
    ends = time.perf_counter() + seconds
    for step, batch in enumerate(_batches(bench, steps, only)):
        reseed(network, batches.seed, "trial", step)
        with bench.compute.autocast():
            outputs = network(batch.images).float()
        loss = loss_of(
            settings.train.loss,
            bench.head,
            outputs,
            batch,
            smoothing=settings.train.label_smoothing,
        )
        value = plain_loss(bench.head, outputs.detach(), batch.labels)
        if not math.isfinite(value + loss.item()):
            losses += [math.inf] * (steps - step)
            break
        losses.append(value)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(factor)
        if time.perf_counter() > ends and len(losses) >= 2 * _ENDS:
            break
    return Trial(losses=tuple(losses), network=network)


def steps_within(bench: Bench, seconds: float, *, most: int, trials: int) -> int:
    """How many steps each of so many trials may take; two are timed, and 10 are the least.

    In processor time, which other programs change little.
    """
    attempt(bench, steps=1)
    began = time.process_time()
    attempt(bench, steps=2)
    each = (time.process_time() - began) / 2
    return max(2 * _ENDS, min(most, int(seconds / trials / each)))


def plain_loss(head: Head, outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """Cross-entropy (nats) of `outputs` without smoothing or weights, comparable with ln K."""
    return float(functional.cross_entropy(head.logits(outputs), labels))


def _batches(bench: Bench, steps: int, only: Batch | None) -> Iterator[Batch]:
    batches, done, epoch = bench.course.batches, 0, 0
    while done < steps:
        for batch in [only] if only else batches.epoch(epoch):
            yield batch
            done += 1
            if done == steps:
                return
        epoch += 1
