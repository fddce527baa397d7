"""Rules of paper: printed lines that cross a page from side to side, and how to take them off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from kenspeckle.data.planes import Plane

_STRIPS = 48  # that a page is cut into, across the rules
_SLOPES = np.linspace(-0.07, 0.07, 29)  # up to 4 degrees off the level
_ROUNDS = 2  # a frame is often at another angle than the rules within it
_WIDEST = 0.03  # of the page; what is wider is no rule


@dataclass(frozen=True, kw_only=True)
class _Line:
    top: int  # first row
    bottom: int  # the row after its last
    strength: float  # of its ink


def without_rules(ink: Plane, *, least: float) -> Plane:
    """`ink` (H, W) without level and upright lines that are stronger than `least`.

    What the pen drew over a line stays: where there is ink on both sides of it, or more ink than
    the line has.
    """
    for _ in range(_ROUNDS):
        before = ink
        ink = np.minimum(_without_level_rules(ink, least), _without_level_rules(ink.T, least).T)
        if np.array_equal(ink, before):
            break
    return ink


def _without_level_rules(ink: Plane, least: float) -> Plane:
    height, width = ink.shape
    if min(height, width) < 2 * _STRIPS // 3:
        return ink
    strips = np.array_split(np.arange(width), min(_STRIPS, width // 2))
    means = np.stack([ink[:, strip].mean(axis=1) for strip in strips], axis=1)
    centres = np.array([strip.mean() for strip in strips])
    widest = max(2, round(_WIDEST * height))
    best, most, lines = 0.0, 0.0, list[_Line]()
    for slope in _SLOPES:
        shifted = (
            np.arange(height)[:, np.newaxis] + np.round(slope * centres).astype(int)
        ) % height
        found = _lines(np.take_along_axis(means, shifted, axis=0), least=least, widest=widest)
        total = sum(line.strength**3 for line in found)  # few strong ones before many
        if total > most:
            best, most, lines = float(slope), total, found
    if not lines:
        return ink
    # turned level by moving each column; the columns go round, so that nothing is lost
    rows = (
        np.arange(height)[:, np.newaxis] + np.round(best * np.arange(width)).astype(int)
    ) % height
    level = np.take_along_axis(ink, rows, axis=0)
    for line in lines:
        _take_off(level, line)
    cleaned = np.empty_like(ink)
    np.put_along_axis(cleaned, rows, level, axis=0)
    return cleaned


def _lines(means: Plane, *, least: float, widest: int) -> list[_Line]:
    """The rules of a page that is level; `means` (H, strips) is the ink in each strip of it."""
    fifth, half = means.shape[1] // 5, means.shape[1] // 2
    ordered = np.partition(means, (fifth, half), axis=1)
    profile = ordered[:, fifth] - np.median(ordered[:, fifth])  # what four fifths of the page have
    edges = np.diff(np.concatenate([[0], (profile > least).astype(np.int8), [0]]))
    lines = []
    for top, bottom in np.flatnonzero(edges).reshape(-1, 2):
        strength = float(profile[top:bottom].max())
        beside = ordered[[max(0, top - 3), min(len(means) - 1, bottom + 2)], half].max()
        # where most of the page is as dark close by, this is a part of a frame
        if bottom - top <= widest and beside < 0.5 * strength + least:
            lines.append(_Line(top=int(top), bottom=int(bottom), strength=strength))
    return lines


def _take_off(level: Plane, line: _Line) -> None:
    """Take `line` off `level`, in place."""
    top, bottom = max(0, line.top - 2), min(len(level), line.bottom + 2)
    reach = 2 * (bottom - top) + 1
    above = ndimage.maximum_filter1d(level[max(0, top - 1)], reach)
    below = ndimage.maximum_filter1d(level[min(len(level) - 1, bottom)], reach)
    rule = level[top:bottom]
    # a rule across this one is no stronger than it; the pen is
    pen_least = 1.25 * np.median(rule.max(axis=0))
    crossed = np.minimum(above, below)
    crossed[crossed < pen_least] = 0
    level[top:bottom] = np.where(rule > pen_least, rule, np.minimum(rule, crossed))
