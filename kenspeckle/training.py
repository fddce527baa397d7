"""The training loop: ordinary PyTorch on one screen, as an iterator of epochs.

What the loop changes is one `Training` record, which a checkpoint saves and restores; all
randomness is keyed by (seed, epoch, step). So a resumed run ends in the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch
from torch import Tensor, nn

from kenspeckle.data.batches import Batches
from kenspeckle.device import Compute
from kenspeckle.errors import NonFiniteError
from kenspeckle.losses import class_weights, loss_of
from kenspeckle.models.heads import Head
from kenspeckle.models.layers import reseed, to_training
from kenspeckle.optim import Optimizer
from kenspeckle.schedule import ScheduleConfig, factor
from kenspeckle.train_config import TrainConfig

PAUSE = 0.2  # seconds between two looks of the caller, so that it can draw, save or stop


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass over the training split, whole or as far as it has come."""

    number: int  # from 0
    losses: tuple[float, ...]  # of each step so far
    correct: int  # pictures whose most probable class was right, as they were trained on
    seen: int  # pictures so far
    rate: float  # learning rate of the last step
    seconds: float  # of training, checks and pauses excluded
    step: int  # updates since the beginning of the training
    total_steps: int
    complete: bool  # no step of this pass is left

    @property
    def loss(self) -> float:
        """Mean loss over the steps so far."""
        return sum(self.losses) / len(self.losses)

    @property
    def accuracy(self) -> float:
        """Share of pictures that were right while the network was still changing."""
        return self.correct / self.seen


@dataclass(frozen=True)
class Waiting:
    """Nothing yet: others that learn in step with this network come first."""


@dataclass(kw_only=True)
class Training:
    """All that changes while a network is trained."""

    network: nn.Module
    optimizer: Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)  # of every floating-point tensor
    epoch: int = 0  # the pass we are in
    step: int = 0  # steps done in this pass
    total: int = 0  # steps done since the beginning
    losses: list[float] = field(default_factory=list)  # of this pass
    correct: int = 0  # of this pass
    seen: int = 0  # of this pass
    seconds: float = 0.0  # of this pass


class Loop(Protocol):
    """What trains a network in place: `fit`, or something that does the same in its own way."""

    def __call__(
        self,
        training: Training,
        batches: Batches,
        config: TrainConfig,
        *,
        schedule: ScheduleConfig,
        head: Head,
        compute: Compute,
    ) -> Generator[Epoch | Waiting]:
        """Yield an `Epoch` after each pass and every `PAUSE` seconds within one."""


def fit(
    training: Training,
    batches: Batches,
    config: TrainConfig,
    *,
    schedule: ScheduleConfig,
    head: Head,
    compute: Compute,
) -> Generator[Epoch]:
    """Train in place; yield an `Epoch` after each pass and every `PAUSE` seconds within one.

    Stop by not asking for more. Raises `NonFiniteError` before a step that would spoil the weights.
    """
    network, optimizer = training.network, training.optimizer
    parameters = list(network.parameters())
    state = {n: tensor for n, tensor in network.state_dict().items() if tensor.is_floating_point()}
    total = config.total_steps(len(batches))
    weights = None
    if config.balance == "classes":
        weights = class_weights(batches.labels, head.outputs)
    while training.total < total:
        is_frozen = training.epoch < config.frozen_epochs
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not is_frozen or name.startswith("head."))
        to_training(network)
        started = paused = perf_counter()
        for batch in batches.epoch(training.epoch, start=training.step):
            pace = factor(schedule, training.total / total)
            reseed(network, batches.seed, training.epoch, training.step)
            with compute.autocast():
                outputs = network(batch.images)
            loss = loss_of(
                config.loss,
                head,
                outputs.float(),
                batch,
                smoothing=config.label_smoothing,
                weights=weights,
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            value = loss.item()
            gradients = [p.grad for p in parameters if p.grad is not None]
            # one number for all gradients and weights: NaN or infinity in any of them shows in it
            size = torch.nn.utils.get_total_norm([*gradients, *state.values()]).item()
            if not math.isfinite(value + size):
                raise explained(training, batch.images, outputs, value, pace)
            if math.isfinite(config.gradient_clip):
                torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
            optimizer.step(pace)
            training.average = followed(
                training.average, state, total=training.total, decay=config.averaging
            )
            right = head.logits(outputs.detach()).argmax(dim=1) == batch.labels
            count(training, value, int(right.sum()), len(right))
            finished = training.step == len(batches) or training.total == total
            now = perf_counter()
            if finished or now - paused > PAUSE:
                training.seconds += now - started
                require_finite(tensors(training), "after the update")
                epoch = epoch_so_far(training, pace, total, complete=finished)
                if finished:
                    next_epoch(training)
                yield epoch
                to_training(network)  # the caller may have evaluated
                started = paused = perf_counter()
            if finished:
                break


def tensors(training: Training) -> dict[str, dict[str, Tensor]]:
    """Everything that is a tensor, in groups: network, optimizer, average."""
    network = {name: value.detach() for name, value in training.network.state_dict().items()}
    return {
        "network": network,
        "optimizer": training.optimizer.tensors(),
        "average": dict(training.average),
    }


def restore(training: Training, groups: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Put back what `tensors` gave, in the memory layout of the network; shapes must agree."""
    own = training.network.state_dict()
    for name, value in groups["network"].items():
        own[name].copy_(value)
    training.average = {
        name: torch.empty_like(own[name]).copy_(value) for name, value in groups["average"].items()
    }
    training.optimizer.restore(groups["optimizer"])


@contextmanager
def averaged(training: Training) -> Iterator[nn.Module]:
    """The network in evaluation mode with its averaged weights, if an average is kept."""
    own = training.network.state_dict()
    kept = {name: own[name].clone() for name in training.average}
    was_training = training.network.training
    try:
        for name, value in training.average.items():
            own[name].copy_(value)
        training.network.eval()
        yield training.network
    finally:
        for name, value in kept.items():
            own[name].copy_(value)
        training.network.train(was_training)


def require_finite(groups: Mapping[str, Mapping[str, Tensor]], when: str) -> None:
    """Raise `NonFiniteError` with the name of the first tensor that holds NaN or infinity."""
    for group, named in groups.items():
        for name, value in named.items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise NonFiniteError(f"{group} {name} is not finite {when}; {_ADVICE}")


_ADVICE = "lower optimizer.rate or set train.gradient_clip"


def followed(
    average: dict[str, Tensor], state: dict[str, Tensor], *, total: int, decay: float
) -> dict[str, Tensor]:
    """The running average of `state` after one more of `total` updates; none without `decay`."""
    if not decay:
        return {}
    if not average:
        return {name: value.clone() for name, value in state.items()}
    # a young average follows faster, so that it forgets the random start
    weight = 1 - min(decay, (1 + total) / (10 + total))
    torch._foreach_lerp_([average[name] for name in state], list(state.values()), weight)
    return average


def count(training: Training, loss: float, correct: int, seen: int) -> None:
    """Note a step of `seen` pictures, of which `correct` were told right."""
    training.losses.append(loss)
    training.correct += correct
    training.seen += seen
    training.step += 1
    training.total += 1


def epoch_so_far(training: Training, pace: float, total_steps: int, *, complete: bool) -> Epoch:
    """The present pass; `pace` is the share of the configured rate in its last step."""
    return Epoch(
        number=training.epoch,
        losses=tuple(training.losses),
        correct=training.correct,
        seen=training.seen,
        rate=training.optimizer.rate * pace,
        seconds=training.seconds,
        step=training.total,
        total_steps=total_steps,
        complete=complete,
    )


def next_epoch(training: Training) -> None:
    """Begin the next pass."""
    training.epoch += 1
    training.step = training.correct = training.seen = 0
    training.losses = []
    training.seconds = 0.0


def explained(
    training: Training, images: Tensor, outputs: Tensor, loss: float, pace: float
) -> NonFiniteError:
    """Name the first thing on the way from weights to gradients that is not finite."""
    rate = training.optimizer.rate * pace
    where = f"in step {training.step + 1} of epoch {training.epoch + 1} (rate {rate:.3g})"
    gradients = {
        name: parameter.grad
        for name, parameter in training.network.named_parameters()
        if parameter.grad is not None
    }
    state = dict(training.network.state_dict())
    try:
        require_finite(
            {"weight": state, "the": {"input pictures": images, "outputs": outputs}}, where
        )
        if not math.isfinite(loss):
            return NonFiniteError(f"the loss is {loss} {where}; {_ADVICE}")
        require_finite({"gradient of": gradients}, where)
    except NonFiniteError as error:
        return error
    return NonFiniteError(f"the norm of gradients and weights overflows {where}; {_ADVICE}")
