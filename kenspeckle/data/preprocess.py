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
from kenspeckle.data.ink import normalize_ink
from kenspeckle.data.planes import resample, to_bytes
from kenspeckle.errors import DataError

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's convert("L")


@dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """What happens to a picture before the network."""

    kind: Literal["auto", "ink", "resize"] = "auto"  # auto: ink for grey digits, else resize
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
    """Replace "auto" and 0 by what suits `dataset`; `DataError` where no size does."""
    _, height, width, channels = dataset.images.shape
    digits = channels == 1 and dataset.class_names == tuple("0123456789")
    if not config.height:
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
        config = replace(config, kind="ink" if digits else "resize")
    return config


def prepare(
    picture: NDArray[np.uint8], config: PreprocessConfig, *, channels: int
) -> NDArray[np.uint8]:
    """Bring `picture` (H, W, C) into the form (height, width, channels) of the network's input.

    Raises `DataError` where `ink` finds nothing drawn.
    """
    if config.kind == "ink":
        ink = normalize_ink(grey(picture), config.height, config.width)
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


def grey(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The luminance of (H, W, C), C = 1 or 3, as (H, W) in 0..255."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float64)
    luminance: NDArray[np.float64] = picture @ _LUMA
    return luminance


def _with_channels(picture: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if channels == 1:
        return to_bytes(grey(picture))[..., np.newaxis]
    return np.repeat(picture, 3, axis=2) if picture.shape[-1] == 1 else picture
