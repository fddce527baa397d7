"""Ink normalisation: a digit on any page into the form of MNIST."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from kenspeckle.data.planes import Plane, grey, resample, to_bytes
from kenspeckle.data.rules import without_rules
from kenspeckle.errors import DataError

_LONGEST = 1000  # pixels; larger pages are shrunk first, so that time and memory are bounded
_LEAST_CONTRAST = 12.0  # of 255; less than this between ink and paper is noise
_EIGHT_NEIGHBOURS = np.ones((3, 3))


def normalize_ink(
    picture: NDArray[np.uint8],
    height: int,
    width: int,
    *,
    rules: Literal["removed", "kept"] = "removed",
) -> NDArray[np.uint8]:
    """Light ink on black, in a box of 5/7 of the frame, centred by mass: the form of MNIST.

    LeCun et al. 1998, section III.A: the digit fits a box of 20 pixels with its proportions kept,
    and its centre of mass is the centre of the 28 x 28 frame. A `picture` (H, W, C) that has this
    form already comes back unchanged. `rules` are printed lines across the page. Raises
    `DataError` on a page without ink.
    """
    if picture.shape[:2] == (height, width) and is_normalized(grey(picture)):
        return to_bytes(grey(picture))
    ink = find_ink(_plane(_shrunk(picture)), rules=rules)
    rows, columns = _extent(ink > 0)
    box = max(_box(height), _box(width))
    drawn = _with_usual_pen(_at_most(ink[rows, columns], 10 * box), box)
    scale = min(_box(height) / drawn.shape[0], _box(width) / drawn.shape[1])
    small = resample(drawn, *(max(1, round(extent * scale)) for extent in drawn.shape))
    small = np.clip(small * (255 / small.max()), 0, 255)
    return to_bytes(_centred(small, height, width))


def is_normalized(page: Plane) -> bool:
    """Whether `page` is light on black, fills the box of MNIST and is centred by mass."""
    ring = page[_ring(page.shape)]
    # fewer zeros than half: the median is above 0; counting takes a quarter of the time
    if ring.size - np.count_nonzero(ring) <= ring.size // 2 or page.max() < 128:
        return False
    rows, columns = _extent(page > 0)
    height, width = page.shape
    extents = (rows.stop - rows.start) / _box(height), (columns.stop - columns.start) / _box(width)
    total = page.sum()
    centre = (
        page.sum(axis=1) @ np.arange(height) / total,
        page.sum(axis=0) @ np.arange(width) / total,
    )
    offset = max(abs(centre[0] - height / 2), abs(centre[1] - width / 2))
    return bool(0.9 <= max(extents) <= 1 and offset <= 1.5)


def find_ink(page: Plane, *, rules: Literal["removed", "kept"] = "removed") -> Plane:
    """How much ink of the digit is at each pixel, 0..255.

    Polarity, light, contrast, rules, frames, specks and digits at the side are settled. Raises
    `DataError` where nothing differs enough from the paper.
    """
    low, high = np.percentile(page, (1, 99)) if page.size > 4000 else (page.min(), page.max())
    if not _is_dark_on_light(page):
        page, low, high = 255 - page, 255 - high, 255 - low
    paper = _paper(page, low, high)
    # what is missing of the light that the paper reflects: in a shadow ink is as black
    ink = np.clip(1 - page / np.maximum(paper, 1), 0, 1) * np.median(paper)
    if _strength(ink) < _LEAST_CONTRAST:
        raise DataError("nothing drawn in it (no ink that differs from the paper)")
    if rules == "removed":
        ink = without_rules(ink, least=0.08 * _strength(ink))
    ink = _without_frame(ink)
    ink = np.clip(ink * (255 / _strength(ink)), 0, 255)
    ink[ink < _otsu(ink) / 2] = 0
    return _digit(ink)


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, C) with neither side longer than `_LONGEST`."""
    factor = -(-max(picture.shape[:2]) // _LONGEST)
    if factor == 1:
        return picture
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).reduce(factor)
    return np.asarray(image).reshape(image.height, image.width, picture.shape[-1])


def _plane(picture: NDArray[np.uint8]) -> Plane:
    """The luminance of `picture`, or the colour that shows the ink, where luminance does not."""
    luminance = grey(picture)
    if picture.shape[-1] == 1:
        return luminance
    planes = [luminance, *np.moveaxis(picture.astype(np.float64), -1, 0)]
    contrasts = []
    for plane in planes:
        small = _at_most(plane, 128)
        local = np.abs(small - ndimage.gaussian_filter(small, max(small.shape) / 8))
        contrasts.append(np.percentile(local, 98))
    best = int(np.argmax(contrasts))
    return planes[best] if contrasts[best] > 2.5 * contrasts[0] else luminance


def _is_dark_on_light(page: Plane) -> bool:
    """Whether what is drawn is darker than the paper around it, not than paper in another light."""
    small = _at_most(page, 32)
    window = [max(1, int(0.7 * extent)) for extent in small.shape]
    off = small - ndimage.median_filter(small, window, mode="reflect")
    # more weight for what differs most, because corners of shadows are wide and faint
    return bool((np.sign(off) * np.abs(off) ** 1.5).sum() <= 0)


def _strength(ink: Plane) -> float:
    """How strong full ink is; a few pixels of glare must not decide it."""
    return float(max(np.percentile(ink, 99.9) if ink.size > 4000 else ink.max(), ink.max() / 2))


def _paper(page: Plane, low: float, high: float) -> Plane:
    """The level of the empty paper at each pixel, brighter than the ink, whatever the light."""
    small = _at_most(page, 128)
    top, bottom, left, right = _frame_widths(small)
    inner = small[top : small.shape[0] - bottom, left : small.shape[1] - right]
    border = inner[_ring(inner.shape)]
    level = np.median(page[page >= (low + high) / 2])
    near = 0.15 * (high - low)
    is_plain = (np.abs(border - level) <= near) | (np.abs(border - low) <= near)
    if is_plain.mean() >= 0.7:  # all along the border either paper or ink: the light is even
        return np.full(page.shape, level)
    inner = ndimage.median_filter(inner, 3, mode="nearest")
    # wider than any stroke, so that closing takes the ink away and leaves the light
    reach = max(3, int(max(inner.shape) * 0.45) | 1)
    light = ndimage.grey_closing(np.pad(inner, reach, mode="edge"), size=(reach, reach))
    light = light[reach:-reach, reach:-reach]
    light = np.pad(light, ((top, bottom), (left, right)), mode="edge")
    return resample(ndimage.gaussian_filter(light, 1, mode="nearest"), *page.shape)


def _frame_widths(page: Plane) -> tuple[int, ...]:
    """How wide a darker frame is at the top, bottom, left and right of `page`; 0 where none is."""
    widths = []
    for lines in (page, page[::-1], page.T, page.T[::-1]):
        outer = lines[: len(lines) // 4 + 3]
        # the light falls off slowly or at a slant; the edge of the paper is sharp and straight
        jumps = 1 - outer[:-3] / np.maximum(outer[3:], 1)
        edge = np.quantile(jumps, 0.3, axis=1) if len(jumps) else np.zeros(1)
        place = int(np.argmax(edge))
        widths.append(place + 3 if edge[place] > 0.15 else 0)
    return tuple(widths)


def _without_frame(ink: Plane) -> Plane:
    """Drop parts that lie along the border of the page, unless they are nearly all there is."""
    parts, count = ndimage.label(ink > 0.25 * _strength(ink), structure=_EIGHT_NEIGHBOURS)
    index = np.arange(count + 1)
    sizes = ndimage.sum_labels(np.ones(ink.shape), parts, index)
    ring = _ring(ink.shape)
    on_ring = ndimage.sum_labels(ring, parts, index)
    is_frame = on_ring >= 0.2 * np.maximum(sizes, 1)
    is_frame[0] = False
    for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
        spans = (rows.stop - rows.start, columns.stop - columns.start)
        across = any(span >= 0.85 * extent for span, extent in zip(spans, ink.shape, strict=True))
        is_frame[number] |= bool(across and on_ring[number] >= 0.15 * ring.sum())
    frame = ndimage.grey_dilation(is_frame[parts].astype(np.uint8), size=(3, 3)) > 0
    without = np.where(frame, 0.0, ink)
    left = without[(parts > 0) & ~frame].sum()
    return without if left >= 0.03 * ink[parts > 0].sum() else ink


def _digit(ink: Plane) -> Plane:
    """The largest part near the middle, and what belongs to it: no specks, no other digit."""
    parts, count = ndimage.label(ink > 0, structure=_EIGHT_NEIGHBOURS)
    index = np.arange(1, count + 1)
    amounts = ndimage.sum_labels(ink, parts, index)
    boxes = ndimage.find_objects(parts)
    corners = np.array([[(side.start, side.stop) for side in box] for box in boxes])  # (n, 2, 2)
    middles = corners.mean(axis=2) / ink.shape - 0.5
    # at the edge of the page half as likely as in the middle
    main = int(np.argmax(amounts * (1 - np.abs(middles).max(axis=1))))
    sizes = np.ptp(corners, axis=2).max(axis=1)
    belongs = index == main + 1
    while True:
        start, stop = corners[belongs, :, 0].min(axis=0), corners[belongs, :, 1].max(axis=0)
        extent = (stop - start).max()
        # between the boxes, negative where they overlap
        gaps = np.maximum(corners[:, :, 0] - stop, start - corners[:, :, 1]).max(axis=1)
        # a stroke apart may be long where it is near; what is far off must be small
        near = gaps <= np.where(sizes < 0.35 * extent, 0.2, 0.15) * extent
        near &= amounts >= 0.02 * amounts[belongs].sum()
        if not (near & ~belongs).any():
            kept: Plane = np.where(np.append(False, belongs)[parts], ink, 0.0)
            return kept
        belongs |= near


def _at_most(drawn: Plane, side: int) -> Plane:
    """Shrunk so that neither side is longer than `side`."""
    shrink = max(1.0, max(drawn.shape) / side)
    return resample(drawn, *(max(1, round(extent / shrink)) for extent in drawn.shape))


def _with_usual_pen(drawn: Plane, box: int) -> Plane:
    """Strokes of widths that MNIST's pens have: no finer than 1.8 pixels in the box, no broader."""
    scale = box / max(drawn.shape)
    inside = np.pad(drawn > 100, 1)
    # the mean distance to the edge within a bar is a quarter of its width
    width = (4 * ndimage.distance_transform_edt(inside)[inside].mean() - 1) * scale
    if width < 1.5:
        more = round((1.8 - width) / scale)
        drawn = ndimage.grey_dilation(np.pad(drawn, more), footprint=_disc(more)) if more else drawn
    elif width > 4.5 and scale < 0.5:  # in a coarser drawing a pixel less is too much
        less = round(min(width - 4, 1.2) / scale)
        # half of the ink stays where a stroke is fine, so that nothing breaks
        drawn = np.maximum(ndimage.grey_erosion(drawn, footprint=_disc(less)), drawn / 2)
    rows, columns = _extent(drawn > 0)
    return drawn[rows, columns]


def _disc(diameter: int) -> NDArray[np.bool_]:
    reach = diameter // 2 + 1
    disc = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1]) <= diameter / 2 + 0.5
    return np.asarray(disc, dtype=bool)


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
