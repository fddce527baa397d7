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
from kenspeckle.errors import DataError

# mean and deviation of each channel; a mean of each pixel and the deviation; or 0..255 to 0..1
ScalingName = Literal["standard", "mean-image", "unit"]

_SAMPLE = 500  # pictures of a data set that decide whether it has the form of MNIST
_LEAST_SHARE = 0.9  # of them that must have it


@dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """What happens to a picture before the network."""

    # auto: ink for digits as in MNIST, else resize; crops keeps the proportions (seed document 000)
    kind: Literal["auto", "ink", "resize", "crops"] = "auto"
    crops: int = 3  # windows along the longer side, for the kind "crops"
    height: int = 0  # of the network's input; 0 = as in the data set
    width: int = 0
    least: int = 28  # where height and width are 0, smaller pictures are enlarged to this side
    scaling: ScalingName = "standard"  # learned from the training split; "unit" is 0 to 1

    def __post_init__(self) -> None:
        if not 1 <= self.crops <= 16:
            raise ValueError(f"crops must be in 1..16, got {self.crops}")
        for name in ("height", "width"):
            if not 0 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name} must be in 0..4096, got {getattr(self, name)}")
        if (self.height == 0) != (self.width == 0):
            raise ValueError("height and width must both be 0 or both be set")
        if not 1 <= self.least <= 4096:
            raise ValueError(f"least must be in 1..4096, got {self.least}")


def settle(config: PreprocessConfig, dataset: Dataset) -> PreprocessConfig:
    """Replace "auto" and 0 by what suits `dataset`; `DataError` where no size does.

    "auto" becomes "ink" only where the pictures have the form that `ink` gives, because they are
    trained on as they are.
    """
    _, height, width, _ = dataset.images.shape
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
    """Bring `picture` (H, W, C) into the form of the network's input: (views, height, width, C).

    There is one view, but for `crops`; the answers to several are averaged. Raises `DataError`
    where `ink` finds nothing drawn.
    """
    if config.kind == "ink":
        ink = normalize_ink(picture, config.height, config.width)
        return np.repeat(ink[np.newaxis, ..., np.newaxis], channels, axis=3)
    return views(_with_channels(picture, channels), config)


def views(picture: NDArray[np.uint8], config: PreprocessConfig) -> NDArray[np.uint8]:
    """(H, W, C) as (views, height, width, C): all that pictures of a data set go through."""
    if config.kind != "crops":
        return _resize(picture, config.height, config.width)[np.newaxis]
    height, width = picture.shape[:2]
    scale = max(config.height / height, config.width / width)
    enlarged = _resize(
        picture,
        max(config.height, round(height * scale)),
        max(config.width, round(width * scale)),
    )
    rows, columns = enlarged.shape[0] - config.height, enlarged.shape[1] - config.width
    count = config.crops if rows or columns else 1
    # evenly from end to end; a single window lies in the middle
    places = np.linspace(0, 1, count) if count > 1 else np.array([0.5])
    return np.stack(
        [
            enlarged[top : top + config.height, left : left + config.width]
            for top, left in (
                (round(place * rows), round(place * columns)) for place in places.tolist()
            )
        ]
    )


def dataset_views(dataset: Dataset, config: PreprocessConfig) -> list[Dataset]:
    """`dataset` in the size of the input, once for each view; itself where it has that size."""
    if dataset.images.shape[1:3] == (config.height, config.width):
        return [dataset]
    every = np.stack([views(image, config) for image in dataset.images], axis=1)
    return [replace(dataset, images=images) for images in every]


def _resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    planes = [
        resample(plane.astype(np.float64), height, width) for plane in np.moveaxis(picture, -1, 0)
    ]
    return to_bytes(np.stack(planes, axis=-1))


def _with_channels(picture: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if channels == 1:
        return to_bytes(grey(picture))[..., np.newaxis]
    return np.repeat(picture, 3, axis=2) if picture.shape[-1] == 1 else picture
