"""The pictures of a run that a look at it is based on, in the size of its network's input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle.data.batches import Batch
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import Splits, draw, members_of
from kenspeckle.explain.layers import pixels
from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier
from kenspeckle.run_data import data_of
from kenspeckle.run_folder import Run

_SMALL = 64  # pixels a side, up to which a thousand pictures cost a second or two
_SAMPLE = {"small": 1000, "large": 200}  # pictures of a split
_FOLLOWED = 24  # photographs
_BATCH = 50  # pictures at a time
_EXAMPLES = 6  # pictures that are explained one by one


@dataclass(frozen=True)
class RunPictures:
    """Samples of the splits of a run; read when they are asked for, and then kept."""

    run: Run
    classifier: Classifier
    named: tuple[NDArray[np.uint8], ...] = ()  # (H, W, C) each, those that the user chose
    dataset: Dataset | None = None  # of the run, where it is in memory already

    @cached_property
    def data(self) -> Dataset:
        """All of them; raises `DataError` where the source is gone or has changed."""
        return data_of(self.run, self.dataset)

    @cached_property
    def splits(self) -> Splits:
        """As they were drawn when the run began."""
        return draw(self.data, self.run.config.splits)

    @cached_property
    def training(self) -> Dataset:
        """Of the training split, evenly from the first to the last."""
        return self._sample(self._parts[0])

    @cached_property
    def unseen(self) -> Dataset:
        """Of what the network was validated on, none of them in `training`."""
        return self._sample(self._parts[1])

    @cached_property
    def _parts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Items to learn from and others; by folds the same ones were both."""
        if self.run.config.splits.folds > 0:
            members = members_of(self.splits)
            return members[::2], members[1::2]
        return self.splits.train, self.splits.validation

    @cached_property
    def examples(self) -> NDArray[np.uint8]:
        """(n, H, W, C): the pictures that the user named, or some of the validation split."""
        if self.named:
            return np.stack(self.named)
        chosen: NDArray[np.uint8] = self.unseen.images[self._chosen]
        return chosen

    @cached_property
    def _chosen(self) -> NDArray[np.int64]:
        """Of the unseen: a picture of each of some classes, and up to two mistakes."""
        said = self.classifier.head.logits(outputs(self.classifier.network, self.unseen.images))
        wrong = np.flatnonzero(said.argmax(dim=1).numpy() != self.unseen.labels)[: _EXAMPLES // 3]
        _, first = np.unique(self.unseen.labels, return_index=True)
        others = np.setdiff1d(first, wrong)
        spread = others[evenly(len(others), _EXAMPLES - len(wrong))]
        return np.concatenate([spread, wrong])

    @property
    def are_small(self) -> bool:
        """Whether a look may pass a thousand of them through the network."""
        return max(self.classifier.shape[1:]) <= _SMALL

    def batches(self) -> Iterator[Batch]:
        """The pictures whose every number is followed, a few at a time: gradients need room."""
        followed, size = self.followed, _BATCH if self.are_small else 4
        for start in range(0, len(followed), size):
            images = followed.images[start : start + size]
            labels = torch.from_numpy(followed.labels[start : start + size])
            yield Batch(pixels(images, self.classifier.network), labels)

    @property
    def followed(self) -> Dataset:
        """Of `training`: a photograph has millions of numbers on its way, so only some of them."""
        if self.are_small:
            return self.training
        return self.training.take(evenly(len(self.training), _FOLLOWED))

    def _sample(self, members: NDArray[np.int64]) -> Dataset:
        size = "small" if self.are_small else "large"
        chosen = members[evenly(len(members), _SAMPLE[size])]
        views = dataset_views(self.data.take(chosen), self.classifier.preprocess)
        middle = views[len(views) // 2]
        return replace(middle, images=np.asarray(middle.images[:]))
