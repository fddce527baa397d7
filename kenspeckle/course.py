"""One network on its way, with the pictures that it learns from and those it is validated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.batches import Batches, steps_per_epoch
from kenspeckle.data.dataset import Dataset, concatenated
from kenspeckle.data.images import parts
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.device import Compute
from kenspeckle.errors import ConfigError
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import head_of
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import keep_statistics, learn_scaling, use_channels_last
from kenspeckle.optim import Optimizer
from kenspeckle.settings import RunConfig
from kenspeckle.training import Training


@dataclass(frozen=True, kw_only=True)
class Course:
    """A network, and the pictures that it learns from and is validated on."""

    batches: Batches
    validation: list[Dataset]  # once for each view of its pictures; none where folds told them all
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
    train = concatenated(dataset_views(data.take(learned), settings.preprocess))
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
        outputs=head_of(settings.train.task, data.class_names).outputs,
        mean_image=settings.preprocess.scaling == "mean-image",
    )
    initialize(network, settings.initialization, seed=settings.seed)
    network.to(compute.torch_device)
    use_channels_last(network)
    if settings.transfer.backbone:
        keep_statistics(network)
    elif len(train) < 2 * steps:
        _refuse_single_pictures(network, len(train), settings.train.batch_size)
    if settings.preprocess.scaling != "unit":
        learn_scaling(network, parts(train.images))
    optimizer = Optimizer(
        dict(network.named_parameters()),
        settings.optimizer,
        layer_decay=settings.train.layer_decay,
    )
    return Course(
        batches=batches,
        validation=dataset_views(data.take(validated), settings.preprocess)
        if len(validated)
        else [],
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


def shape_of(dataset: Dataset) -> tuple[int, int, int]:
    """(C, H, W) of its pictures."""
    _, height, width, channels = dataset.images.shape
    return channels, height, width
