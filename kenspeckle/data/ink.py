"""Ink normalisation: a digit on any page into the form of MNIST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from kenspeckle.data.planes import Plane, resample, to_bytes
from kenspeckle.errors import DataError

_LEAST_CONTRAST = 12.0  # of 255; less than this between ink and paper is noise
_EIGHT_NEIGHBOURS = np.ones((3, 3))


def normalize_ink(page: Plane, height: int, width: int) -> NDArray[np.uint8]:
    """Light ink on black, in a box of 5/7 of the frame, centred by mass: the form of MNIST.

    LeCun et al. 1998, section III.A: the digit fits a box of 20 pixels with its proportions kept,
    and its centre of mass is the centre of the 28 x 28 frame. A page that has this form already
    comes back unchanged. Raises `DataError` on a page without ink.
    """
    if _is_normalized(page, height, width):
        return to_bytes(page)
    ink = find_ink(page)
    rows, columns = _extent(ink > 0)
    box = max(_box(height), _box(width))
    drawn = _thickened(_at_most(ink[rows, columns], 10 * box), box)
    scale = min(_box(height) / drawn.shape[0], _box(width) / drawn.shape[1])
    small = resample(drawn, *(max(1, round(extent * scale)) for extent in drawn.shape))
    small = np.clip(small * (255 / small.max()), 0, 255)
    return to_bytes(_centred(small, height, width))


def find_ink(page: Plane) -> Plane:
    """How much ink is at each pixel, 0..255: polarity, light, contrast, frames and specks settled.

    Raises `DataError` where nothing differs enough from the paper.
    """
    low, high = np.percentile(page, (1, 99)) if page.size > 4000 else (page.min(), page.max())
    is_dark = bool(np.median(page) >= (low + high) / 2)
    if not is_dark:
        page, low, high = 255 - page, 255 - high, 255 - low
    ink = np.clip(_paper(page, low, high) - page, 0, None)
    # a few pixels of glare must not decide what full ink is
    strength = max(np.percentile(ink, 99.9) if ink.size > 4000 else ink.max(), ink.max() / 2)
    if strength < _LEAST_CONTRAST:
        raise DataError("nothing drawn in it (no ink that differs from the paper)")
    ink = np.clip(ink * (255 / strength), 0, 255)
    ink[ink < _otsu(ink) / 2] = 0
    return _without_specks(_without_frame(ink))


def _paper(page: Plane, low: float, high: float) -> Plane:
    """The level of the empty paper at each pixel, brighter than the ink, whatever the light."""
    border = page[_ring(page.shape)]
    level = np.median(page[page >= (low + high) / 2])
    near = 0.15 * (high - low)
    is_plain = (np.abs(border - level) <= near) | (np.abs(border - low) <= near)
    if is_plain.mean() >= 0.7:  # all along the border either paper or ink: the light is even
        return np.full(page.shape, level)
    small = ndimage.median_filter(_at_most(page, 64), 3, mode="nearest")
    # wider than any stroke, so that closing takes the ink away and leaves the light
    reach = max(3, int(max(small.shape) * 0.45) | 1)
    light = ndimage.grey_closing(np.pad(small, reach, mode="edge"), size=(reach, reach))
    light = light[reach:-reach, reach:-reach]
    smooth = ndimage.gaussian_filter(light, max(small.shape) / 20, mode="nearest")
    return resample(smooth, *page.shape)


def _without_frame(ink: Plane) -> Plane:
    """Drop parts that lie along the border of the page, unless they are nearly all there is."""
    parts, count = ndimage.label(ink > 0, structure=_EIGHT_NEIGHBOURS)
    index = np.arange(count + 1)
    sizes = ndimage.sum_labels(ink > 0, parts, index)
    ring = _ring(ink.shape)
    on_ring = ndimage.sum_labels((ink > 0) & ring, parts, index)
    is_frame = on_ring >= 0.2 * np.maximum(sizes, 1)
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
        spans = (rows.stop - rows.start, columns.stop - columns.start)
        across = any(span >= 0.85 * extent for span, extent in zip(spans, ink.shape, strict=True))
        is_frame[number] |= bool(across and on_ring[number] >= 0.15 * ring.sum())
    without = np.where(is_frame[parts], 0.0, ink)
    return without if without.sum() >= 0.03 * ink.sum() else ink


def _without_specks(ink: Plane) -> Plane:
    """Drop connected parts with less than 5 % of the largest part's ink."""
    parts, count = ndimage.label(ink > 0, structure=_EIGHT_NEIGHBOURS)
    amounts = ndimage.sum_labels(ink, parts, index=np.arange(count + 1))
    amounts[0] = 0
    kept: Plane = np.where((amounts >= 0.05 * amounts.max())[parts], ink, 0.0)
    return kept


def _at_most(drawn: Plane, side: int) -> Plane:
    """Shrunk so that neither side is longer than `side`."""
    shrink = max(1.0, max(drawn.shape) / side)
    return resample(drawn, *(max(1, round(extent / shrink)) for extent in drawn.shape))


def _thickened(drawn: Plane, box: int) -> Plane:
    """Widen strokes that would be under 1.5 pixels wide in the box; MNIST's pens are thicker."""
    scale = box / max(drawn.shape)
    inside = np.pad(drawn > 0, 1)
    # the mean distance to the edge within a bar is a quarter of its width
    width = 4 * ndimage.distance_transform_edt(inside)[inside].mean() - 1
    more = round((1.8 - width * scale) / scale) if width * scale < 1.5 else 0
    if more < 1:
        return drawn
    reach = more // 2 + 1
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= more / 2 + 0.5
    wider: Plane = ndimage.grey_dilation(np.pad(drawn, more), footprint=disc)
    rows, columns = _extent(wider > 0)
    return wider[rows, columns]


def _is_normalized(page: Plane, height: int, width: int) -> bool:
    """Whether `page` is light on black, of this size, fills the box and is centred by mass."""
    if page.shape != (height, width) or np.median(page[_ring(page.shape)]) > 0 or page.max() < 128:
        return False
    rows, columns = _extent(page > 0)
    extents = (rows.stop - rows.start) / _box(height), (columns.stop - columns.start) / _box(width)
    centre = ndimage.center_of_mass(page)
    offset = max(abs(centre[0] - height / 2), abs(centre[1] - width / 2))
    return bool(0.9 <= max(extents) <= 1 and offset <= 1.5)


def _box(extent: int) -> int:
    return max(1, round(extent * 20 / 28))


def _ring(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True in the outermost ring of pixels, a 28th of the shorter side wide."""
    ring = np.ones(shape, dtype=bool)
    edge = max(1, min(shape) // 28)
    ring[edge:-edge, edge:-edge] = False
    return ring


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of the smallest box around what is true."""
    boxes: list[tuple[slice, slice]] = ndimage.find_objects(mask.astype(np.uint8))
    return boxes[0]


def _centred(drawn: Plane, height: int, width: int) -> Plane:
    """Put `drawn` into the frame with its centre of mass in the middle, as far as it fits."""
    centre = ndimage.center_of_mass(drawn)
    corner = [
        int(np.clip(round(frame / 2 - middle), 0, frame - extent))
        for frame, middle, extent in zip((height, width), centre, drawn.shape, strict=True)
    ]
    frame = np.zeros((height, width))
    frame[corner[0] : corner[0] + drawn.shape[0], corner[1] : corner[1] + drawn.shape[1]] = drawn
    return frame


def _otsu(ink: Plane) -> float:
    """The threshold between paper and ink with the largest variance between the two (Otsu 1979)."""
    counts, edges = np.histogram(ink, bins=64, range=(0, 255))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    gap = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * gap**2)])
