"""Rules of paper: printed lines that cross a page from side to side, and how to take them off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from kenspeckle.data.planes import Plane

_STRIPS = 48  # that a page is cut into, across the rules
_SLOPES = np.linspace(-0.07, 0.07, 29)  # up to 4 degrees off the level
_WIDEST = 0.03  # of the page; what is wider is no rule


def without_rules(ink: Plane, *, least: float) -> Plane:
    """`ink` (H, W) without level and upright lines that are stronger than `least`.

    What the pen drew over a line stays: where there is ink on both sides of it, or more ink than
    the line has.
    """
    return _without_level_rules(_without_level_rules(ink, least).T, least).T


def _without_level_rules(ink: Plane, least: float) -> Plane:
    height, width = ink.shape
    if min(height, width) < 2 * _STRIPS // 3:
        return ink
    strips = np.array_split(np.arange(width), min(_STRIPS, width // 2))
    means = np.stack([ink[:, strip].mean(axis=1) for strip in strips], axis=1)
    centres = np.array([strip.mean() for strip in strips])
    best, strongest = 0.0, np.zeros(height)
    for slope in _SLOPES:
        profile = _profile(means, np.round(slope * centres).astype(int))
        if np.sort(profile)[-3:].sum() > np.sort(strongest)[-3:].sum():
            best, strongest = float(slope), profile
    lines = _runs(strongest > max(least, 0.3 * strongest.max()))
    lines = [(top, bottom) for top, bottom in lines if bottom - top <= max(2, _WIDEST * height)]
    if not lines:
        return ink
    # turned level by moving each column; the columns go round, so that nothing is lost
    rows = (
        np.arange(height)[:, np.newaxis] + np.round(best * np.arange(width)).astype(int)
    ) % height
    level = np.take_along_axis(ink, rows, axis=0)
    for top, bottom in lines:
        _take_off(level, top, bottom, strongest[top:bottom].max())
    cleaned = np.empty_like(ink)
    np.put_along_axis(cleaned, rows, level, axis=0)
    return cleaned


def _profile(means: Plane, shifts: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each row what four fifths of the strips `means` (H, strips) have, less the usual."""
    height = len(means)
    rows = (np.arange(height)[:, np.newaxis] + shifts) % height
    level = np.take_along_axis(means, rows, axis=0)
    low = np.partition(level, means.shape[1] // 5, axis=1)[:, means.shape[1] // 5]
    profile: NDArray[np.float64] = low - np.median(low)
    return profile


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _take_off(level: Plane, top: int, bottom: int, strength: float) -> None:
    """Take the rule in the rows from `top` to `bottom` off `level`, in place."""
    top, bottom = max(0, top - 1), min(len(level), bottom + 1)
    reach = 2 * (bottom - top) + 1
    above = ndimage.maximum_filter1d(level[max(0, top - 1)], reach)
    below = ndimage.maximum_filter1d(level[min(len(level) - 1, bottom)], reach)
    crossed = np.minimum(above, below)
    rule = level[top:bottom]
    pen = rule > 1.8 * strength
    level[top:bottom] = np.where(pen, rule, np.minimum(rule, crossed))
