"""One network on its way, with the pictures that it learns from and those it is validated on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from kenspeckle import model_file
from kenspeckle.backbones import backbone
from kenspeckle.data.batches import Batches, steps_per_epoch
from kenspeckle.data.dataset import Dataset, concatenated
from kenspeckle.data.images import parts
from kenspeckle.data.numbers import Numbers
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.device import Compute
from kenspeckle.errors import ConfigError
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import head_of
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import (
    keep_statistics,
    learn_scaling,
    pass_numbers,
    use_channels_last,
)
from kenspeckle.optim import Optimizer
from kenspeckle.run_folder import MODEL
from kenspeckle.settings import RunConfig
from kenspeckle.training import Training


@dataclass(frozen=True, kw_only=True)
class Course:
    """A network, and the pictures that it learns from and is validated on."""

    batches: Batches
    validation: list[Dataset]  # once for each view of its pictures; none where nothing is held back
    training: Training
    input_shape: tuple[int, int, int]  # (C, H, W) of what the network takes


def open_course(
    settings: RunConfig,
    compute: Compute,
    data: Dataset,
    learned: NDArray[np.int64],
    validated: NDArray[np.int64],
) -> Course:
    """A network that has learned nothing yet, for the items `learned` and `validated`."""
    course = course_on(
        concatenated(dataset_views(data.take(learned), settings.preprocess)), settings, compute
    )
    if not len(validated):
        return course
    return replace(course, validation=dataset_views(data.take(validated), settings.preprocess))


def course_on(train: Dataset | Numbers, settings: RunConfig, compute: Compute) -> Course:
    """A network that has learned nothing yet, for all of `train`, which has the size of the input.

    In `settings` nothing is "auto". Raises `ConfigError` where a batch norm could not learn.
    """
    steps = steps_per_epoch(len(train), settings.train.batch_size)
    batches = Batches(
        train,
        batch_size=settings.train.batch_size,
        seed=settings.seed,
        augmentation=settings.augment,
        augmented_steps=settings.augment.until * settings.train.total_steps(steps),
        shuffle_buffer=settings.train.shuffle_buffer,
        device=compute.torch_device,
    )
    network = build_model(
        settings.model,
        shape=shape_of(train),
        outputs=head_of(settings.train.task, train.class_names).outputs,
        mean_image=settings.preprocess.scaling == "mean-image",
    )
    initialize(network, settings.initialization, seed=settings.seed)
    network.to(compute.torch_device)
    use_channels_last(network)
    if settings.transfer.backbone:
        keep_statistics(network)
    elif len(train) < 2 * steps:
        _refuse_single_pictures(network, len(train), settings.train.batch_size)
    if isinstance(train, Numbers):
        pass_numbers(network)
    elif settings.preprocess.scaling != "unit":
        learn_scaling(network, parts(train.images))
    optimizer = Optimizer(
        dict(network.named_parameters()),
        settings.optimizer,
        layer_decay=settings.train.layer_decay,
    )
    return Course(
        batches=batches,
        validation=[],
        training=Training(network=network, optimizer=optimizer),
        input_shape=shape_of(train),
    )


def _refuse_single_pictures(network: nn.Module, count: int, batch_size: int) -> None:
    """Raise `ConfigError` where a batch norm would have to normalise a batch of one."""
    if any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules()):
        raise ConfigError(
            f"train.batch_size={batch_size} makes batches of one of {count} training pictures, "
            "which batch norm cannot learn from; use a larger one, or model.norm=none"
        )


def take_weights(network: nn.Module, settings: RunConfig) -> None:
    """Put in the weights and the scaling of another model, if `start` names one.

    Or those of a pretrained network, if `transfer.backbone` names one. A last layer for other
    classes stays new. Raises `ConfigError` where the two networks are of different architectures.
    """
    if settings.transfer.backbone:
        own = network.state_dict()
        for name, value in backbone(settings.transfer.backbone).network.state_dict().items():
            own[name].copy_(value)
    if not settings.start:
        return
    path = Path(settings.start)
    classifier = model_file.load(path / MODEL if path.is_dir() else path)
    own, others = network.state_dict(), classifier.network.state_dict()
    new_head = {name for name in own if name.startswith("head.")}
    wrong = sorted(
        name
        for name in own.keys() | others.keys()
        if name not in new_head
        and (name not in own or name not in others or own[name].shape != others[name].shape)
    )
    if wrong:
        raise ConfigError(
            f"{settings.start} is no start for this network: {wrong[0]} differs; "
            "use the [model] and [preprocess] settings of the run that it comes from"
        )
    kept = [name for name in new_head if own[name].shape == others[name].shape]
    for name in [*(own.keys() - new_head), *(kept if len(kept) == len(new_head) else [])]:
        own[name].copy_(others[name])


def shape_of(dataset: Dataset | Numbers) -> tuple[int, int, int]:
    """(C, H, W) of its pictures."""
    _, height, width, channels = dataset.images.shape
    return channels, height, width
