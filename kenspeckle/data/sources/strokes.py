"""Digits that code draws as a pen would: several forms of each, by writers of different habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import make_interp_spline

Coverage = NDArray[np.float64]  # (H, W), 0 = paper to 1 = ink
Stroke = tuple[tuple[float, float], ...]  # points (x to the right, y down), 0..1

SIDE = 256  # of the square that a digit is drawn in
_HEIGHT = 168  # of the digit in it; room for wide pens and slanted hands around
_SAMPLES = 240  # points along a stroke

_FLAG: Stroke = ((0.3, 0.22), (0.55, 0.0))
_STEM: Stroke = ((0.55, 0.0), (0.53, 0.5), (0.52, 1.0))
_THREE: Stroke = ((0.4, 0.45), (0.8, 0.53), (0.9, 0.75), (0.6, 0.98), (0.25, 0.97), (0.05, 0.85))
_FIVE: Stroke = ((0.18, 0.45), (0.5, 0.36), (0.85, 0.52), (0.88, 0.78), (0.55, 0.99), (0.08, 0.9))
_TOP: Stroke = ((0.05, 0.03), (0.92, 0.0))
_FALL: Stroke = ((0.92, 0.0), (0.6, 0.45), (0.4, 1.0))
_NINE: Stroke = (
    (0.87, 0.14), (0.6, 0.0), (0.2, 0.1), (0.1, 0.33), (0.38, 0.5), (0.72, 0.4), (0.87, 0.14),
)  # fmt: skip
FORMS: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    0: (
        (((0.5, 0.0), (0.18, 0.14), (0.05, 0.5), (0.2, 0.87), (0.5, 1.0), (0.82, 0.86),
          (0.95, 0.5), (0.82, 0.15), (0.5, 0.0)),),
        (((0.66, 0.05), (0.3, 0.06), (0.06, 0.5), (0.28, 0.94), (0.7, 0.92), (0.94, 0.5),
          (0.76, 0.1), (0.4, 0.03)),),
    ),
    1: (
        (_STEM,),
        (_FLAG, _STEM),
        (_FLAG, _STEM, ((0.25, 1.0), (0.52, 1.0), (0.8, 0.99))),
        (((0.58, 0.0), (0.5, 0.5), (0.42, 1.0)),),
    ),
    2: (
        (((0.1, 0.25), (0.28, 0.05), (0.6, 0.0), (0.88, 0.2), (0.75, 0.5), (0.4, 0.78),
          (0.05, 1.0)), ((0.05, 1.0), (0.95, 0.98))),
        (((0.1, 0.22), (0.4, 0.0), (0.85, 0.15), (0.75, 0.5), (0.35, 0.88), (0.1, 0.98),
          (0.04, 0.86), (0.22, 0.78), (0.5, 0.92), (0.95, 0.97)),),
        (((0.08, 0.2), (0.45, 0.0), (0.85, 0.22), (0.6, 0.6), (0.08, 0.97)),
         ((0.08, 0.97), (0.4, 0.9), (0.7, 0.98), (0.97, 0.9))),
    ),
    3: (
        (((0.1, 0.12), (0.45, 0.0), (0.82, 0.18), (0.68, 0.39), (0.4, 0.45)), _THREE),
        (((0.12, 0.02), (0.85, 0.02)), ((0.85, 0.02), (0.4, 0.45)), _THREE),
    ),
    4: (
        (((0.2, 0.0), (0.12, 0.3), (0.05, 0.6)), ((0.05, 0.6), (0.95, 0.58)),
         ((0.72, 0.1), (0.7, 0.55), (0.68, 1.0))),
        (((0.7, 0.0), (0.05, 0.68)), ((0.05, 0.68), (0.98, 0.68)), ((0.7, 0.0), (0.7, 1.0))),
        (((0.3, 0.02), (0.1, 0.42), (0.14, 0.57), (0.5, 0.58), (0.92, 0.5)),
         ((0.76, 0.12), (0.69, 0.5), (0.62, 1.0))),
    ),
    5: (
        (((0.85, 0.02), (0.25, 0.02)), ((0.25, 0.02), (0.18, 0.45)), _FIVE),
        (((0.24, 0.08), (0.18, 0.45)), _FIVE, ((0.32, 0.03), (0.92, 0.0))),
        (((0.88, 0.02), (0.5, 0.04), (0.27, 0.04)), ((0.27, 0.04), (0.16, 0.42)),
         ((0.16, 0.42), (0.6, 0.42), (0.9, 0.68), (0.6, 0.97), (0.1, 0.95))),
    ),
    6: (
        (((0.7, 0.0), (0.35, 0.22), (0.1, 0.6), (0.2, 0.9), (0.55, 1.0), (0.88, 0.82),
          (0.75, 0.58), (0.42, 0.55), (0.12, 0.75)),),
        (((0.6, 0.0), (0.24, 0.45), (0.08, 0.75), (0.3, 0.98), (0.7, 0.97), (0.88, 0.75),
          (0.65, 0.56), (0.3, 0.6), (0.1, 0.78)),),
        (((0.85, 0.1), (0.6, 0.0), (0.25, 0.2), (0.06, 0.6), (0.25, 0.95), (0.7, 0.96),
          (0.9, 0.72), (0.6, 0.5), (0.22, 0.58), (0.08, 0.72)),),
    ),
    7: (
        (_TOP, _FALL),
        (_TOP, _FALL, ((0.28, 0.52), (0.88, 0.47))),
        (((0.04, 0.2), (0.05, 0.03)), _TOP, _FALL),
        (((0.05, 0.08), (0.4, 0.02), (0.92, 0.0)), ((0.92, 0.0), (0.62, 0.5), (0.52, 1.0))),
    ),
    8: (
        (((0.8, 0.14), (0.5, 0.0), (0.2, 0.15), (0.3, 0.38), (0.7, 0.58), (0.9, 0.8), (0.5, 1.0),
          (0.1, 0.8), (0.3, 0.58), (0.68, 0.4), (0.82, 0.22), (0.8, 0.14)),),
        (((0.5, 0.46), (0.22, 0.36), (0.2, 0.12), (0.5, 0.0), (0.8, 0.12), (0.78, 0.36),
          (0.5, 0.46)),
         ((0.5, 0.46), (0.15, 0.6), (0.1, 0.86), (0.5, 1.0), (0.9, 0.86), (0.85, 0.6),
          (0.5, 0.46))),
    ),
    9: (
        (_NINE, ((0.87, 0.14), (0.83, 0.55), (0.78, 1.0))),
        (_NINE, ((0.87, 0.14), (0.9, 0.55), (0.75, 0.9), (0.4, 1.0), (0.12, 0.9))),
        (_NINE, ((0.87, 0.14), (0.76, 0.55), (0.45, 1.0))),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Writer:
    """The habits of a hand."""

    forms: tuple[int, ...]  # for each digit, which of its forms
    slant: float  # tangent of the angle; to the right is positive
    aspect: float  # width of a digit for its height
    tremor: float  # how far points are from where they should be, for a height of 1
    sway: float  # how far whole parts are, smoothly
    pressure: float  # how much the pen's width changes along a stroke, as a share


def writer(rng: np.random.Generator) -> Writer:
    """A writer with habits drawn from `rng`."""
    return Writer(
        forms=tuple(int(rng.integers(len(FORMS[digit]))) for digit in range(10)),
        slant=rng.uniform(-0.2, 0.4),
        aspect=rng.uniform(0.48, 0.9),
        tremor=rng.uniform(0.006, 0.022),
        sway=rng.uniform(0.005, 0.03),
        pressure=rng.uniform(0.0, 0.25),
    )


def draw(digit: int, hand: Writer, *, pen: float, rng: np.random.Generator) -> Coverage:
    """`digit` by `hand`, (SIDE, SIDE), with a pen as wide as the share `pen` of its height."""
    strokes = [np.array(stroke) for stroke in FORMS[digit][hand.forms[digit]]]
    tremor: dict[tuple[float, float], NDArray[np.float64]] = {}  # ends that meet stay together
    phases, waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(2, 5, (2, 2))
    aspect = hand.aspect * rng.uniform(0.92, 1.08)
    slant = hand.slant + rng.normal(0, 0.03)
    lines, radii = [], []
    for stroke in strokes:
        moved = stroke.copy()
        for number, (x, y) in enumerate(stroke):
            if (x, y) not in tremor:
                tremor[x, y] = rng.normal(0, hand.tremor, 2)
            moved[number] += tremor[x, y]
        moved += hand.sway * np.sin(moved @ waves + phases)
        x = (moved[:, 0] - 0.5) * aspect - (moved[:, 1] - 0.5) * slant
        lines.append(_curve(np.stack([x, moved[:, 1] - 0.5], axis=1)))
        along = np.linspace(0, rng.uniform(2, 6), _SAMPLES) + rng.uniform(0, 6)
        radii.append(pen / 2 * (1 + hand.pressure * np.sin(along)))
    return _inked(np.concatenate(lines) * _HEIGHT + SIDE / 2, np.concatenate(radii) * _HEIGHT)


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (_SAMPLES, 2) on the smooth curve through `points` (n, 2)."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(np.sqrt(steps))])  # centripetal: no loops at bends
    spline = make_interp_spline(along, points, k=min(3, len(points) - 1))
    curve: NDArray[np.float64] = spline(np.linspace(0, along[-1], _SAMPLES))
    return curve


def _inked(points: NDArray[np.float64], radii: NDArray[np.float64]) -> Coverage:
    """What a round nib of `radii` (n,) at `points` (n, 2), in pixels, leaves on the paper."""
    radius_at = np.zeros((SIDE, SIDE))
    columns, rows = np.clip(np.round(points), 0, SIDE - 1).astype(int).T
    radius_at[rows, columns] = radii
    distance, nearest = ndimage.distance_transform_edt(radius_at == 0, return_indices=True)
    coverage: Coverage = np.clip(radius_at[tuple(nearest)] - distance + 0.5, 0, 1)
    return coverage
