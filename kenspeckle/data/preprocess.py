"""From a decoded picture to the network's input: one function for prediction and serving.

The settings travel inside the model file. Data sets whose pictures already have the input's form
(MNIST and its like) skip this; `ink` brings any picture of a digit into the form of MNIST.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.framed_images import FramedImages
from kenspeckle.data.framing import views, with_channels
from kenspeckle.data.planes import grey
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import DataError

_SAMPLE = 500  # pictures of a data set that decide whether it has the form of MNIST
_LEAST_SHARE = 0.9  # of them that must have it
AT_ONCE = 1 << 30  # bytes


def settle(config: PreprocessConfig, dataset: Dataset) -> PreprocessConfig:
    """Replace "auto" and 0 by what suits `dataset`; `DataError` where no size does.

    "auto" becomes "ink" only where the pictures have the form that `ink` gives, because they are
    trained on as they are.
    """
    if dataset.origin:  # its pictures have been brought to one size already
        return replace(dataset.origin.preprocess, scaling=config.scaling, least=config.least)
    _, height, width, channels = dataset.images.shape
    if not config.channels:
        config = replace(config, channels=channels)
    if not config.height:
        if config.kind == "crops":
            height = width = min(height, width)
        scale = max(1.0, config.least / min(height, width))
        enlarged = round(height * scale), round(width * scale)
        if max(enlarged) > 4096:
            raise DataError(
                f"{dataset.source}: pictures of {height} x {width} would be enlarged to "
                f"{enlarged[0]} x {enlarged[1]} (preprocess.least is {config.least}; at most 4096 "
                "a side); set preprocess.height and preprocess.width"
            )
        height, width = enlarged
        config = replace(config, height=height, width=width)
    if config.kind == "auto":
        config = replace(config, kind="ink" if has_ink_form(dataset) else "resize")
    return config


def reason(settled: PreprocessConfig, dataset: Dataset) -> str:
    """Why `settle` made "auto" the kind that it is, in one line for the user."""
    if not _is_digits(dataset):
        why = "these are no grey digits"
    elif settled.kind == "ink":
        why = "these digits are light on black, boxed and centred, as it makes any digit"
    else:
        why = "these digits are not light on black, boxed and centred, as ink would make them"
    return f"preprocess.kind is {settled.kind}: {why}"


def has_ink_form(dataset: Dataset) -> bool:
    """Whether these are digits that, but for a few, look as `ink` would leave them."""
    if not _is_digits(dataset):
        return False
    from kenspeckle.data.ink import is_normalized  # loads scipy, which few pictures need

    sample = dataset.images[:: -(-len(dataset) // _SAMPLE)]
    return bool(np.mean([is_normalized(grey(picture)) for picture in sample]) >= _LEAST_SHARE)


def _is_digits(dataset: Dataset) -> bool:
    return dataset.images.shape[-1] == 1 and dataset.class_names == tuple("0123456789")


def prepare(
    picture: NDArray[np.uint8], config: PreprocessConfig, *, channels: int
) -> NDArray[np.uint8]:
    """Bring `picture` (H, W, C) into the form of the network's input: (views, height, width, C).

    There is one view, but for `crops`; the answers to several are averaged. Raises `DataError`
    where `ink` finds nothing drawn.
    """
    if config.kind == "ink":
        from kenspeckle.data.ink import normalize_ink

        ink = normalize_ink(picture, config.height, config.width)
        return np.repeat(ink[np.newaxis, ..., np.newaxis], channels, axis=3)
    return views(with_channels(picture, channels), config)


def dataset_views(dataset: Dataset, config: PreprocessConfig) -> list[Dataset]:
    """`dataset` in the size of the input, once for each view; itself where it has that size.

    Where all would take over `AT_ONCE` bytes, pictures are brought to it when they are asked for.
    """
    channels = config.channels or dataset.images.shape[3]
    if dataset.images.shape[1:] == (config.height, config.width, channels):
        return [dataset]
    count = len(views(with_channels(dataset.images[0], channels), config))
    framed = [
        FramedImages(dataset.images, config, channels=channels, view=view) for view in range(count)
    ]
    is_small = count * math.prod(framed[0].shape) <= AT_ONCE
    return [replace(dataset, images=every[:] if is_small else every) for every in framed]
