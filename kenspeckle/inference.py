"""From pictures to probabilities: the one path for evaluation, prediction and serving."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.decode import SUFFIXES, read_file
from kenspeckle.data.framing import decode_for
from kenspeckle.data.images import Images
from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import DataError
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import Head, NumberHead
from kenspeckle.predictions import Predictions

BATCH = 1000  # pictures at a time; bounds the memory
_SHOWN = 128  # pixels a side of `Prediction.picture`


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says of one picture; where `error` is not empty, the rest is."""

    path: str
    label: str = ""
    probability: float = 0.0
    runner_up: str = ""
    runner_up_probability: float = 0.0
    error: str = ""
    picture: NDArray[np.uint8] | None = None  # (H, W, C), reduced to at most 128 a side
    seen: NDArray[np.uint8] | None = None  # (height, width, C) as the network saw it
    value: float | None = None  # where the model tells a number


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


def find_pictures(images: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that a name, a folder, a glob or several of them stand for, each once, in order."""
    found: dict[Path, None] = {}
    for image in [images] if isinstance(images, str | Path) else images:
        try:
            matches = list(_matches(Path(image)))
        except OSError as error:  # a name too long, a folder that may not be searched
            raise DataError(f"{image}: cannot be read: {error.strerror}") from error
        if not matches:
            raise DataError(f"{image}: no such picture, and no folder or glob with pictures")
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            if child.suffix.lower() in SUFFIXES and child.is_file():
                yield child
    elif path.exists():
        yield path
    elif any(mark in str(path) for mark in "*?["):
        names = glob.glob(str(path), recursive=True)
        yield from sorted(Path(name) for name in names if Path(name).is_file())


def _predict_batch(classifier: Classifier, paths: Sequence[Path]) -> list[Prediction]:
    results: dict[Path, Prediction] = {}
    pictures, inputs = [], []
    for path in paths:
        try:
            picture = decode_for(read_file(path), classifier.preprocess, name=str(path)).pixels
            seen = prepare(picture, classifier.preprocess, channels=classifier.shape[0])
        except DataError as error:
            message = str(error).removeprefix(f"{path}: ")
            results[path] = Prediction(path=str(path), error=message)
            continue
        pictures.append((path, _reduced(picture)))
        inputs.append(seen)
    if inputs:
        together = outputs(classifier.network, np.concatenate(inputs))
        given = torch.split(together, [len(views) for views in inputs])
        for (path, picture), seen, views in zip(pictures, inputs, given, strict=True):
            results[path] = _named(path, picture, seen, views, classifier)
    return [results[path] for path in paths]


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For display: a thousand photographs in full would fill the memory."""
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.thumbnail((_SHOWN, _SHOWN))
    return np.asarray(image).reshape(image.height, image.width, picture.shape[-1])


def _named(
    path: Path,
    picture: NDArray[np.uint8],
    seen: NDArray[np.uint8],
    given: torch.Tensor,
    classifier: Classifier,
) -> Prediction:
    """The answer for the outputs (views, outputs) of one picture."""
    head, names = classifier.head, classifier.class_names
    row = (head.logits(given) / classifier.temperature).softmax(dim=1).mean(dim=0).numpy()
    order = np.argsort(-row, kind="stable")
    second = order[1] if len(order) > 1 else order[0]
    return Prediction(
        path=str(path),
        label=names[order[0]],
        probability=float(row[order[0]]),
        runner_up=names[second],
        runner_up_probability=float(row[second]),
        picture=picture,
        seen=seen[len(seen) // 2],
        value=float(head.values(given).mean()) if isinstance(head, NumberHead) else None,
    )
