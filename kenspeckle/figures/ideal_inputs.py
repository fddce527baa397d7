"""The pictures that the classes, or the units, of a network like best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.names import shown
from kenspeckle.figures.tiles import tiles

if TYPE_CHECKING:
    from kenspeckle.explain.ideal_inputs import IdealInputs
    from kenspeckle.explain.ideal_units import IdealUnits

_MOST = 30  # pictures of one row of a record; the description keeps counting all


def ideal_inputs(rows: Mapping[str, IdealInputs], means: NDArray[np.float64] | None) -> Figure:
    """A block for each penalty, a picture for each class; above them the mean of each class.

    Of many classes the first ones, which the figure says.
    """
    first = next(iter(rows.values()))
    names = first.class_names
    blocks: list[tuple[str, NDArray[Any], Sequence[str], Sequence[bool]]] = []
    if means is not None:
        blocks.append(("mean of the class", means, names, [False] * len(names)))
    for title, item in rows.items():
        judged = item.judged if item.judged is not None else np.arange(len(names))
        wrong = judged != np.arange(len(names))
        notes = [
            f"{shown(name, 6)}: {shown(names[other], 6)}?" if other != label else name
            for label, (name, other) in enumerate(zip(names, judged, strict=True))
        ]
        blocks.append((title, item.full_contrast, notes, wrong.tolist()))
    return tiles(blocks, most=_MOST)


def ideal_units(found: IdealUnits) -> Figure:
    """The pictures in full contrast, with the numbers of their units."""
    low = found.images.min(axis=(1, 2, 3), keepdims=True).astype(float)
    high = found.images.max(axis=(1, 2, 3), keepdims=True).astype(float)
    images = (found.images - low) * (255 / np.maximum(high - low, 1))
    names = [f"unit {unit}" for unit in found.units]
    return tiles([("", images, names, [False] * len(names))], most=_MOST)
