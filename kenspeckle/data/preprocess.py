"""From a decoded picture to the network's input: one function for prediction and serving.

The settings travel inside the model file. Data sets whose pictures already have the input's form
(MNIST and its like) skip this; `ink` brings any picture of a digit into the form of MNIST.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.ink import grey, is_normalized, normalize_ink
from kenspeckle.data.planes import resample, to_bytes

_SAMPLE = 500  # pictures of a data set that decide whether it has the form of MNIST
_LEAST_SHARE = 0.9  # of them that must have it


@dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """What happens to a picture before the network."""

    kind: Literal["auto", "ink", "resize"] = "auto"  # auto: ink for digits as in MNIST
    height: int = 0  # of the network's input; 0 = as in the data set
    width: int = 0
    least: int = 28  # where height and width are 0, smaller pictures are enlarged to this side
    scaling: Literal["standard", "unit"] = "standard"  # mean 0 and deviation 1, or 0 to 1

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            if not 0 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name} must be in 0..4096, got {getattr(self, name)}")
        if (self.height == 0) != (self.width == 0):
            raise ValueError("height and width must both be 0 or both be set")
        if not 1 <= self.least <= 4096:
            raise ValueError(f"least must be in 1..4096, got {self.least}")


def settle(config: PreprocessConfig, dataset: Dataset) -> PreprocessConfig:
    """Replace "auto" and 0 by what suits `dataset`.

    "auto" becomes "ink" only where the pictures have the form that `ink` gives, because they are
    trained on as they are.
    """
    _, height, width, _ = dataset.images.shape
    if not config.height:
        scale = max(1.0, config.least / min(height, width))
        height, width = round(height * scale), round(width * scale)
        config = replace(config, height=height, width=width)
    if config.kind == "auto":
        config = replace(config, kind="ink" if _has_ink_form(dataset) else "resize")
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


def _has_ink_form(dataset: Dataset) -> bool:
    """Whether these are digits that, but for a few, look as `ink` would leave them."""
    if not _is_digits(dataset):
        return False
    sample = dataset.images[:: -(-len(dataset) // _SAMPLE)]
    return bool(np.mean([is_normalized(grey(picture)) for picture in sample]) >= _LEAST_SHARE)


def _is_digits(dataset: Dataset) -> bool:
    return dataset.images.shape[-1] == 1 and dataset.class_names == tuple("0123456789")


def prepare(
    picture: NDArray[np.uint8], config: PreprocessConfig, *, channels: int
) -> NDArray[np.uint8]:
    """Bring `picture` (H, W, C) into the form (height, width, channels) of the network's input.

    Raises `DataError` where `ink` finds nothing drawn.
    """
    if config.kind == "ink":
        ink = normalize_ink(picture, config.height, config.width)
        return np.repeat(ink[..., np.newaxis], channels, axis=2)
    return resize(_with_channels(picture, channels), config)


def resize(picture: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """Scale (H, W, C) to (height, width, C): all that pictures of a data set go through."""
    planes = [
        resample(plane.astype(np.float64), config.height, config.width)
        for plane in np.moveaxis(picture, -1, 0)
    ]
    return to_bytes(np.stack(planes, axis=-1))


def resize_dataset(dataset: Dataset, config: PreprocessConfig) -> Dataset:
    """`dataset` with pictures of (height, width); itself where they have that size already."""
    if dataset.images.shape[1:3] == (config.height, config.width):
        return dataset
    return replace(dataset, images=np.stack([resize(image, config) for image in dataset.images]))


def _with_channels(picture: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if channels == 1:
        return to_bytes(grey(picture))[..., np.newaxis]
    return np.repeat(picture, 3, axis=2) if picture.shape[-1] == 1 else picture
