"""From a decoded picture to the network's input: one function for prediction and serving.

The settings travel inside the model file. Data sets whose pictures already have the input's form
(MNIST and its like) skip this; `ink` brings any picture of a digit into the form of MNIST.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import DataError

Grey = NDArray[np.float64]  # (H, W), 0..255
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's convert("L")
_LEAST_CONTRAST = 12.0  # of 255; less than this between ink and paper is noise


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
    """Replace "auto" and 0 by what suits `dataset`."""
    _, height, width, channels = dataset.images.shape
    digits = channels == 1 and dataset.class_names == tuple("0123456789")
    if not config.height:
        scale = max(1.0, config.least / min(height, width))
        height, width = round(height * scale), round(width * scale)
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
        _resize(plane.astype(np.float64), config.height, config.width)
        for plane in np.moveaxis(picture, -1, 0)
    ]
    return _bytes(np.stack(planes, axis=-1))


def resize_dataset(dataset: Dataset, config: PreprocessConfig) -> Dataset:
    """`dataset` with pictures of (height, width); itself where they have that size already."""
    if dataset.images.shape[1:3] == (config.height, config.width):
        return dataset
    return replace(dataset, images=np.stack([resize(image, config) for image in dataset.images]))


def grey(picture: NDArray[np.uint8]) -> Grey:
    """The luminance of (H, W, C), C = 1 or 3, as (H, W) in 0..255."""
    if picture.shape[-1] == 1:
        return picture[..., 0].astype(np.float64)
    luminance: Grey = picture @ _LUMA
    return luminance


def normalize_ink(page: Grey, height: int, width: int) -> NDArray[np.uint8]:
    """Light ink on black, in a box of 5/7 of the frame, centred by mass: the form of MNIST.

    LeCun et al. 1998, section III.A: the digit fits a box of 20 pixels with its proportions kept,
    and its centre of mass is the centre of the 28 x 28 frame. A page that has this form already
    comes back unchanged. Raises `DataError` on a page without ink.
    """
    if _is_normalized(page, height, width):
        return _bytes(page)
    ink = _ink(page)
    rows, columns = _extent(ink > 0)
    drawn = ink[rows, columns]
    scale = min(_box(height) / drawn.shape[0], _box(width) / drawn.shape[1])
    size = [max(1, round(extent * scale)) for extent in drawn.shape]
    small = _resize(drawn, *size)
    small = np.clip(small * (255 / small.max()), 0, 255)
    return _bytes(_centred(small, height, width))


def _ink(page: Grey) -> Grey:
    """How much ink is at each pixel, 0..255: polarity, contrast, specks and paper settled."""
    paper = np.median(_border(page))
    darker, lighter = np.clip(paper - page, 0, None), np.clip(page - paper, 0, None)
    ink = darker if darker.sum() > lighter.sum() else lighter
    strength = np.percentile(ink, 99.9) if ink.size > 4000 else ink.max()
    if max(strength, ink.max() / 2) < _LEAST_CONTRAST:
        raise DataError("nothing drawn in it (no ink that differs from the paper)")
    ink = np.clip(ink * (255 / max(strength, ink.max() / 2)), 0, 255)
    ink[ink < _otsu(ink) / 2] = 0
    return _without_specks(ink)


def _without_specks(ink: Grey) -> Grey:
    """Drop connected parts with less than 5 % of the largest part's ink."""
    parts, count = ndimage.label(ink > 0, structure=np.ones((3, 3)))
    amounts = ndimage.sum_labels(ink, parts, index=np.arange(count + 1))
    amounts[0] = 0
    kept: Grey = np.where((amounts >= 0.05 * amounts.max())[parts], ink, 0.0)
    return kept


def _is_normalized(page: Grey, height: int, width: int) -> bool:
    """Whether `page` is light on black, of this size, fills the box and is centred by mass."""
    if page.shape != (height, width) or _border(page).max() > 0 or page.max() < 128:
        return False
    rows, columns = _extent(page > 0)
    extents = (rows.stop - rows.start) / _box(height), (columns.stop - columns.start) / _box(width)
    centre = ndimage.center_of_mass(page)
    offset = max(abs(centre[0] - height / 2), abs(centre[1] - width / 2))
    return bool(0.9 <= max(extents) <= 1 and offset <= 1.5)


def _box(extent: int) -> int:
    return max(1, round(extent * 20 / 28))


def _border(page: Grey) -> Grey:
    """The outermost ring of pixels, a 28th of the shorter side wide."""
    ring = np.ones(page.shape, dtype=bool)
    edge = max(1, min(page.shape) // 28)
    ring[edge:-edge, edge:-edge] = False
    return page[ring]


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of the smallest box around what is true."""
    boxes: list[tuple[slice, slice]] = ndimage.find_objects(mask.astype(np.uint8))
    return boxes[0]


def _centred(drawn: Grey, height: int, width: int) -> Grey:
    """Put `drawn` into the frame with its centre of mass in the middle, as far as it fits."""
    centre = ndimage.center_of_mass(drawn)
    corner = [
        int(np.clip(round(frame / 2 - middle), 0, frame - extent))
        for frame, middle, extent in zip((height, width), centre, drawn.shape, strict=True)
    ]
    frame = np.zeros((height, width))
    frame[corner[0] : corner[0] + drawn.shape[0], corner[1] : corner[1] + drawn.shape[1]] = drawn
    return frame


def _otsu(ink: Grey) -> float:
    """The threshold between paper and ink with the largest variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(ink, bins=64, range=(0, 255))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * gap**2)])


def _with_channels(picture: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if channels == 1:
        return _bytes(grey(picture))[..., np.newaxis]
    return np.repeat(picture, 3, axis=2) if picture.shape[-1] == 1 else picture


def _resize(plane: Grey, height: int, width: int) -> Grey:
    """Resample with antialiasing; a plane of this size already is returned as it is."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(plane.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    return np.asarray(image, dtype=np.float64)


def _bytes(values: Grey) -> NDArray[np.uint8]:
    return np.round(np.clip(values, 0, 255)).astype(np.uint8)
