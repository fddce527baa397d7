"""What a training says of itself while it goes on, and what follows from its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kenspeckle.device import Compute
from kenspeckle.errors import RunError
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.evaluation.difference import Difference
from kenspeckle.evaluation.temperature import Temperature
from kenspeckle.run_folder import Run
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch, Waiting


@dataclass(frozen=True, kw_only=True)
class Started:
    """Training begins or goes on; `notes` are lines that the user should see."""

    run: Run
    config: RunConfig
    compute: Compute
    train_n: int
    validation_n: int  # by folds both are all pictures outside the test split
    parameters: int  # of the network
    step: int  # updates done already
    folds_done: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One line of `epochs.jsonl`."""

    epoch: int  # from 1; 0 is the head alone on pretrained features
    step: int  # updates since the beginning
    loss: float  # mean over the steps, on the training split
    accuracy: float  # on the training split, while the network was changing
    validation_loss: float
    validation_accuracy: float
    validation_n: int
    validation_interval: Interval
    rate: float  # learning rate of the last step
    seconds: float  # of training
    images_per_second: float
    fold: int = 0  # that was held out and is validated on, from 1; 0 = of the network that is kept


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of transfer is done: what it reached on validation, and what that is better than."""

    name: Literal["head", "fine-tuning"]
    about: str  # how it was made
    accuracy: float
    interval: Interval
    n: int
    gain: Difference
    over: str  # what the gain is over
    seconds: float


@dataclass(frozen=True, kw_only=True)
class FoldDone:
    """A fold was told, epoch by epoch, by a network that was trained on the others."""

    number: int  # from 1
    folds: int
    best: EpochRecord
    seconds: float  # of training


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The session is over: "finished", or "interrupted" with a checkpoint to go on from."""

    run: Run
    config: RunConfig
    compute: Compute
    state: Literal["finished", "interrupted"]
    step: int
    epochs: tuple[EpochRecord, ...]  # of the network that is kept
    fold_epochs: tuple[EpochRecord, ...]  # of the networks that were only measured
    total_seconds: float  # of this session, from reading the data to the last file
    temperature: Temperature | None = None  # of the model, where it tells classes

    @property
    def best(self) -> EpochRecord:
        """The epoch whose weights the model file holds."""
        return self.epochs[kept_epoch(self.epochs, self.config.keep)]

    @property
    def train_seconds(self) -> float:
        """Of training alone, over all sessions."""
        return sum(epoch.seconds for epoch in (*self.fold_epochs, *self.epochs))


Event = Started | Epoch | Waiting | EpochRecord | FoldDone | Stage | Ended


def stops_early(epochs: Sequence[EpochRecord], patience: int, min_delta: float) -> bool:
    """Whether the last `patience` epochs brought no gain of `min_delta` on validation."""
    waited, best = 0, float("-inf")
    for epoch in epochs:
        waited += 1
        if epoch.validation_accuracy > best + min_delta:
            waited, best = 0, epoch.validation_accuracy
    return bool(patience) and waited >= patience


def kept_epoch(epochs: Sequence[EpochRecord], keep: Literal["best", "last"]) -> int:
    """The index of the highest validation accuracy, of equal ones the last; or the last of all.

    Fine-tuning must be better than the head alone, which is epoch 0.
    """
    if keep == "last":
        return len(epochs) - 1

    def merit(index: int) -> tuple[float, bool, int]:
        return epochs[index].validation_accuracy, epochs[index].epoch == 0, index

    return max(range(len(epochs)), key=merit)


def epoch_record(line: dict[str, Any]) -> EpochRecord:
    """What a line of `epochs.jsonl` says; raises `RunError` where it says something else."""
    try:
        interval = Interval(**line["validation_interval"])
        return EpochRecord(**{**line, "validation_interval": interval})
    except (KeyError, TypeError) as error:
        raise RunError(f"an epoch is not recorded as it should be: {error}") from error
