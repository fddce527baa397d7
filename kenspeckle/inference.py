"""From pictures to probabilities: the one path for evaluation, prediction and serving."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import Images
from kenspeckle.errors import DataError
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import Head, NumberHead
from kenspeckle.prediction import Opened, Prediction, answered, find_pictures, open_picture, refused
from kenspeckle.predictions import Predictions

BATCH = 1000  # pictures at a time; bounds the memory


def probabilities(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, K) for `images` (N, H, W, C) of the size of the input."""
    said = classifier.head.logits(outputs(classifier.network, images))
    shares: NDArray[np.float32] = (said / classifier.temperature).softmax(dim=1).numpy()
    return shares


def outputs(network: nn.Module, images: Images) -> torch.Tensor:
    """(N, outputs) on the CPU for `images` (N, H, W, C), in float32 whatever it was trained in."""
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    parts = []
    # of large pictures fewer at a time: a layer may need a hundred times their bytes
    size = max(16, min(BATCH, BATCH * 28 * 28 // math.prod(images.shape[1:])))
    with torch.inference_mode():
        for start in range(0, len(images), size):
            batch = torch.from_numpy(images[start : start + size]).to(device).permute(0, 3, 1, 2)
            parts.append(network(batch.float()).cpu())
    network.train(was_training)
    return torch.cat(parts)


def predictions(
    network: nn.Module,
    views: Sequence[Dataset],
    head: Head,
    *,
    split: str,
    temperature: float = 1.0,
) -> Predictions:
    """What `network` says of every item; of several views of the same items, the mean."""
    said = torch.stack([outputs(network, view.images) for view in views])
    return meaning(said, views[0], head, split=split, temperature=temperature)


def meaning(
    said: torch.Tensor, items: Dataset, head: Head, *, split: str, temperature: float = 1.0
) -> Predictions:
    """What the outputs `said` (views, N, outputs) of a network mean for the labels of `items`."""
    shares = [(head.logits(given) / temperature).softmax(dim=1) for given in said]
    values = None
    if isinstance(head, NumberHead):
        values = torch.stack([head.values(given) for given in said]).mean(dim=0).numpy()
    return Predictions(
        probabilities=torch.stack(shares).mean(dim=0).numpy(),
        labels=items.labels,
        class_names=items.class_names,
        split=split,
        values=values,
    )


def predict(classifier: Classifier, images: str | Path | Iterable[str | Path]) -> list[Prediction]:
    """One `Prediction` for each picture file; folders and globs stand for the pictures in them.

    A file that cannot be used gets a `Prediction` with its error; the others are not affected.
    Raises `DataError` where a name matches nothing.
    """
    paths = find_pictures(images)
    return [
        prediction
        for start in range(0, len(paths), BATCH)
        for prediction in _predict_batch(classifier, paths[start : start + BATCH])
    ]


def _predict_batch(classifier: Classifier, paths: Sequence[Path]) -> list[Prediction]:
    results: dict[Path, Prediction] = {}
    opened: list[Opened] = []
    for path in paths:
        try:
            found = open_picture(path, classifier.preprocess, channels=classifier.shape[0])
        except DataError as error:
            results[path] = refused(path, error)
            continue
        opened.append(found.reduced())
    for item, (row, value) in zip(opened, answers(classifier, opened), strict=True):
        results[item.path] = answered(item, row, classifier.class_names, value=value)
    return [results[path] for path in paths]


def answers(
    classifier: Classifier, opened: Sequence[Opened]
) -> list[tuple[NDArray[np.float32], float | None]]:
    """The probabilities (K,) of each picture, and the number where the model tells one."""
    if not opened:
        return []
    head, found = classifier.head, []
    together = outputs(classifier.network, np.concatenate([item.seen for item in opened]))
    for given in torch.split(together, [len(item.seen) for item in opened]):
        row = (head.logits(given) / classifier.temperature).softmax(dim=1).mean(dim=0).numpy()
        value = float(head.values(given).mean()) if isinstance(head, NumberHead) else None
        found.append((row, value))
    return found
