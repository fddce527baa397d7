"""The pictures that a page shows, from the source of the run as it is now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.briefing.record import Evidence, Pictures, Row, Tile
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.data.splits import Splits, draw
from kenspeckle.errors import DataError
from kenspeckle.evaluation.mistakes import Answer
from kenspeckle.pages.run_page import GALLERY
from kenspeckle.predictions import Predictions
from kenspeckle.run_data import data_of
from kenspeckle.run_folder import Run
from kenspeckle.survey import versions

_SIDE = 128  # pixels of a tile, at most
_ROWS = 100  # classes of which samples are shown
_SAMPLES = 300  # pictures in all of them, more or less
_OF_CLASS = 3, 10  # pictures of a class, at least and at most
_AUGMENTED, _VERSIONS = 5, 7


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The data of a run, its splits, and what is shown of it."""

    data: Dataset
    splits: Splits
    pictures: Pictures


def seen_of(run: Run, dataset: Dataset | None, said: Predictions, evidence: Evidence) -> Seen:
    """The pictures of `run`; raises `DataError` where its source is gone or has changed."""
    settings = run.config
    data = data_of(run, dataset)
    splits = draw(data, settings.splits)
    items = splits.indices(said.split)
    if evidence.folds:  # told by folds over all that is not test
        items = np.sort(np.concatenate([splits.train, splits.validation]))
    if not np.array_equal(data.labels[items], said.labels):
        raise DataError(f"the labels of {data.source} are not those of the predictions of this run")
    is_augmented = run.epochs[-1]["epoch"] > 0 and not settings.augment.is_identity
    pictures = Pictures(
        samples=_samples(data, splits.train),
        augmented=_augmented(data, splits.train, settings.augment, settings.seed)
        if is_augmented
        else (),
        answers={
            answer.item: _tile(data, int(items[answer.item])) for answer in _answers(evidence)
        },
    )
    return Seen(data=data, splits=splits, pictures=pictures)


def _answers(evidence: Evidence) -> Iterable[Answer]:
    yield from evidence.top_losses
    yield from evidence.mistakes[:GALLERY]
    for _, answers in evidence.pairs:
        yield from answers


def _samples(data: Dataset, train: NDArray[np.int64]) -> tuple[Row, ...]:
    least, most = _OF_CLASS
    count = max(least, min(most, _SAMPLES // len(data.class_names)))
    rows = []
    for label in range(min(_ROWS, len(data.class_names))):
        members = train[data.labels[train] == label]
        chosen = members[evenly(len(members), count)]
        rows.append(Row(label=label, tiles=tuple(_tile(data, int(index)) for index in chosen)))
    return tuple(rows)


def _augmented(
    data: Dataset, train: NDArray[np.int64], augmentation: AugmentConfig, seed: int
) -> tuple[Row, ...]:
    rows = []
    for number, index in enumerate(train[evenly(len(train), _AUGMENTED)]):
        first = _tile(data, int(index))
        changed = versions(
            data.images[int(index)], augmentation, _VERSIONS, seed=seed, number=number
        )
        tiles = [Tile(image=_reduced(image), name="") for image in changed]
        rows.append(Row(label=int(data.labels[index]), tiles=(first, *tiles)))
    return tuple(rows)


def _tile(data: Dataset, index: int) -> Tile:
    name = data.origin.pictures[index].name if data.origin else f"item {index}"
    return Tile(image=_reduced(data.images[index]), name=name)


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, channels = picture.shape
    if max(height, width) <= _SIDE:
        return picture
    image = Image.fromarray(picture[..., 0] if channels == 1 else picture)
    image.thumbnail((_SIDE, _SIDE))
    return np.asarray(image).reshape(image.height, image.width, channels)
