"""Digits drawn with a pen by code: several forms of each, with a hand that is never the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = list[tuple[float, float]]  # (across, down) in a box of 1 x 1
_HEIGHT = 200  # pixels of a digit
_MARGIN = 40

# strokes of each form; a stroke is a smooth curve through its points, "|" in between is sharp
FORMS: dict[int, list[list[Points]]] = {
    0: [
        [[(0.5, 0.0), (0.12, 0.2), (0.05, 0.6), (0.3, 0.97), (0.7, 0.95), (0.93, 0.55), (0.8, 0.12),
          (0.5, 0.0)]],
        [[(0.6, 0.02), (0.2, 0.12), (0.1, 0.7), (0.45, 1.0), (0.85, 0.75), (0.88, 0.25),
          (0.55, 0.0), (0.35, 0.06)]],
    ],
    1: [
        [[(0.52, 0.0), (0.5, 0.5), (0.48, 1.0)]],
        [[(0.2, 0.28), (0.42, 0.14), (0.55, 0.0)], [(0.55, 0.0), (0.54, 0.5), (0.53, 1.0)]],
        [[(0.25, 0.25), (0.52, 0.0)], [(0.52, 0.0), (0.52, 1.0)], [(0.25, 1.0), (0.8, 1.0)]],
    ],
    2: [
        [[(0.1, 0.25), (0.3, 0.03), (0.7, 0.04), (0.85, 0.3), (0.55, 0.65), (0.08, 0.98)],
         [(0.08, 0.98), (0.5, 0.97), (0.95, 0.97)]],
        [[(0.12, 0.2), (0.45, 0.0), (0.82, 0.2), (0.65, 0.6), (0.2, 0.95), (0.15, 0.8),
          (0.35, 0.78), (0.6, 0.95), (0.95, 0.9)]],
    ],
    3: [
        [[(0.12, 0.12), (0.5, 0.0), (0.82, 0.18), (0.7, 0.4), (0.42, 0.47)],
         [(0.42, 0.47), (0.8, 0.55), (0.88, 0.8), (0.5, 1.0), (0.08, 0.88)]],
        [[(0.1, 0.03), (0.8, 0.03)], [(0.8, 0.03), (0.42, 0.4)],
         [(0.42, 0.4), (0.85, 0.5), (0.85, 0.85), (0.45, 1.0), (0.1, 0.9)]],
    ],
    4: [
        [[(0.6, 0.0), (0.3, 0.4), (0.03, 0.68)], [(0.03, 0.68), (0.97, 0.66)],
         [(0.7, 0.35), (0.69, 0.7), (0.67, 1.0)]],
        [[(0.15, 0.0), (0.13, 0.3), (0.12, 0.55)], [(0.12, 0.55), (0.85, 0.52)],
         [(0.8, 0.0), (0.78, 0.5), (0.74, 1.0)]],
        [[(0.68, 1.0), (0.7, 0.5), (0.72, 0.0)], [(0.72, 0.0), (0.05, 0.66)],
         [(0.05, 0.66), (0.98, 0.66)]],
    ],
    5: [
        [[(0.85, 0.03), (0.22, 0.03)], [(0.22, 0.03), (0.17, 0.45)],
         [(0.17, 0.45), (0.55, 0.36), (0.9, 0.6), (0.75, 0.93), (0.4, 1.0), (0.08, 0.88)]],
        [[(0.25, 0.05), (0.22, 0.42)],
         [(0.22, 0.42), (0.6, 0.38), (0.88, 0.65), (0.65, 0.97), (0.1, 0.92)],
         [(0.25, 0.05), (0.9, 0.0)]],
    ],
    6: [
        [[(0.75, 0.0), (0.35, 0.2), (0.1, 0.6), (0.2, 0.95), (0.6, 1.0), (0.88, 0.75),
          (0.65, 0.52), (0.3, 0.58), (0.13, 0.75)]],
        [[(0.55, 0.0), (0.2, 0.35), (0.1, 0.75), (0.4, 1.0), (0.8, 0.88), (0.8, 0.6), (0.45, 0.5),
          (0.14, 0.72)]],
    ],
    7: [
        [[(0.05, 0.03), (0.5, 0.03), (0.92, 0.03)], [(0.92, 0.03), (0.6, 0.5), (0.38, 1.0)]],
        [[(0.08, 0.05), (0.92, 0.02)], [(0.92, 0.02), (0.6, 0.45), (0.4, 1.0)],
         [(0.3, 0.52), (0.85, 0.5)]],
        [[(0.06, 0.2), (0.08, 0.04)], [(0.08, 0.04), (0.9, 0.04)], [(0.9, 0.04), (0.45, 1.0)]],
    ],
    8: [
        [[(0.78, 0.15), (0.45, 0.0), (0.17, 0.2), (0.4, 0.45), (0.78, 0.65), (0.75, 0.93),
          (0.4, 1.0), (0.12, 0.82), (0.3, 0.58), (0.7, 0.38), (0.8, 0.17)]],
        [[(0.5, 0.47), (0.2, 0.25), (0.5, 0.0), (0.8, 0.25), (0.5, 0.47), (0.1, 0.75), (0.5, 1.0),
          (0.9, 0.75), (0.5, 0.47)]],
    ],
    9: [
        [[(0.85, 0.22), (0.5, 0.0), (0.15, 0.22), (0.3, 0.48), (0.7, 0.45), (0.86, 0.2)],
         [(0.86, 0.2), (0.82, 0.6), (0.72, 1.0)]],
        [[(0.85, 0.25), (0.55, 0.02), (0.18, 0.2), (0.28, 0.47), (0.7, 0.42), (0.85, 0.25),
          (0.8, 0.75), (0.5, 1.0), (0.18, 0.9)]],
    ],
}  # fmt: skip


def draw_digit(label: int, rng: np.random.Generator, *, width: float) -> NDArray[np.float64]:
    """A digit as ink, (height, width) in 0..1; `width` of the pen is a share of the height."""
    forms = FORMS[label]
    strokes = forms[int(rng.integers(len(forms)))]
    breadth = rng.uniform(0.5, 0.85)
    slant = rng.uniform(-0.12, 0.28)
    shake = 0.022
    scale, pen = 3, max(2.0, width * _HEIGHT)
    side = (_HEIGHT + 2 * _MARGIN) * scale
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    # a corner where two strokes meet moves for both of them alike
    moved: dict[tuple[float, float], NDArray[np.float64]] = {}
    for stroke in strokes:
        points = []
        for point in stroke:
            if point not in moved:
                moved[point] = np.array(point) + rng.normal(0, shake, 2)
            points.append(moved[point])
        curve = _smooth(np.stack(points))
        across = (curve[:, 0] - 0.5) * breadth + slant * (0.5 - curve[:, 1]) + 0.5
        pixels = (np.stack([across, curve[:, 1]], axis=1) * _HEIGHT + _MARGIN) * scale
        line = [(float(x), float(y)) for x, y in pixels]
        draw.line(line, fill=255, width=round(pen * scale), joint="curve")
        for x, y in line[:: max(1, len(line) // 40)] + line[-1:]:
            reach = pen * scale / 2
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    small = sheet.resize((side // scale, side // scale), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def _smooth(points: NDArray[np.float64], *, count: int = 16) -> NDArray[np.float64]:
    """A centripetal-like Catmull-Rom curve through `points` (n, 2), `count` for each part."""
    if len(points) < 3:
        return points
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, count, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        parts.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.vstack([*parts, points[-1:]])
