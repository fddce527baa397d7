"""Batches: a split as two tensors, gathered and augmented a whole batch at a time.

The order of an epoch depends on (seed, epoch) and the changes on (seed, epoch, step), nothing
else; so any step can be repeated or resumed without replaying the ones before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kenspeckle.data.augment import augment, mix
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.numbers import Numbers
from kenspeckle.device import generator


def steps_per_epoch(count: int, batch_size: int) -> int:
    """How many batches hold `count` pictures."""
    return -(-count // batch_size)


def shuffled(count: int, buffer: int, draws: torch.Generator) -> Tensor:
    """An order of `count` pictures (count,); with a `buffer`, one that reads files nearly in line.

    Stretches of an eighth of the buffer come in random order, and each picture is drawn at random
    from those that wait in the buffer. An order of indices, so resuming costs nothing.
    """
    if not 0 < buffer < count:
        return torch.randperm(count, generator=draws)
    stretches = torch.split(torch.arange(count), max(1, buffer // 8))
    line = torch.cat([stretches[i] for i in torch.randperm(len(stretches), generator=draws)])
    places = torch.randint(buffer, (count,), generator=draws).tolist()
    waiting, order = line[:buffer].tolist(), []
    for place, coming in zip(places, line[buffer:].tolist(), strict=False):
        order.append(waiting[place])
        waiting[place] = coming
    rest = torch.tensor(waiting)[torch.randperm(len(waiting), generator=draws)]
    return torch.cat([torch.tensor(order, dtype=torch.int64), rest])


@dataclass(frozen=True)
class Batch:
    """Pictures and their labels; where two pictures were mixed, both labels."""

    images: Tensor  # (n, C, H, W), floating point: pixels in 0..255, or numbers around zero
    labels: Tensor  # (n,)
    partners: Tensor | None = None  # (n,), the labels of what was mixed in
    share: float = 1.0  # of `labels`; the rest is that of `partners`


class Batches:
    """The batches of a split, epoch by epoch."""

    def __init__(
        self,
        dataset: Dataset | Numbers,
        *,
        batch_size: int,
        seed: int,
        augmentation: AugmentConfig | None = None,
        augmented_steps: float = math.inf,
        shuffle_buffer: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        images = dataset.images
        # on the CPU pictures stay where they are, in memory or in a file
        self._moved = None if str(device) == "cpu" else torch.from_numpy(images[:]).to(device)
        self._images = images
        self.labels = torch.from_numpy(dataset.labels).to(device)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle_buffer = shuffle_buffer  # pictures; 0 = all
        self.augmentation = augmentation or AugmentConfig()
        self.augmented_steps = augmented_steps  # from then on pictures are left as they are

    def share(self, other: Batches) -> None:
        """Hold the pictures of `other` instead of equal ones, so that they are in memory once."""
        ours, theirs = self._images, other._images
        if not isinstance(ours, np.ndarray) or not isinstance(theirs, np.ndarray):
            return  # read from a file when they are needed
        if np.array_equal(ours, theirs):
            self._images, self._moved = theirs, other._moved

    def images(self, indices: Tensor) -> Tensor:
        """The pictures at `indices` (n,), not augmented: (n, C, H, W), channels innermost."""
        if self._moved is not None:
            return self._moved[indices.to(self._moved.device)].permute(0, 3, 1, 2)
        return torch.from_numpy(self._images[indices.numpy()]).permute(0, 3, 1, 2)

    def __len__(self) -> int:
        """Steps in one epoch."""
        return steps_per_epoch(len(self.labels), self.batch_size)

    def epoch(self, number: int, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from step `start` on.

        Their sizes differ by one at the most: no picture is dropped, and no tiny last batch upsets
        batch normalisation.
        """
        draws = generator(self.seed, number, "order")
        order = shuffled(len(self.labels), self.shuffle_buffer, draws)
        for step, chosen in enumerate(order.tensor_split(len(self))):
            if step >= start:
                yield self._batch(chosen, number, step)

    def _batch(self, chosen: Tensor, epoch: int, step: int) -> Batch:
        images, labels = self.images(chosen), self.labels[chosen.to(self.labels.device)]
        partners, share = None, 1.0
        if epoch * len(self) + step < self.augmented_steps and not self.augmentation.is_identity:
            draws = generator(self.seed, epoch, step, "augment", device=images.device)
            images = augment(images, self.augmentation, draws)  # flips are quicker on bytes
            if self.augmentation.mixes:
                images, others, share = mix(images, self.augmentation, draws)
                partners = labels[others]
        images = images.float().contiguous(memory_format=torch.channels_last)
        return Batch(images, labels, partners, share)
