"""Mean pictures of a data set and of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.tiles import tiles

if TYPE_CHECKING:
    from kenspeckle.explain.means import MeanPictures

_MOST = 30


def mean_pictures(found: MeanPictures) -> Figure:
    """The mean and twice the deviation of all; below them the mean of each class."""
    whole = np.stack([found.mean, found.deviation * 2])
    present = np.flatnonzero(found.counts)
    names = [found.class_names[label] for label in present]
    means = found.class_means[present]
    return tiles(
        [
            (f"all {found.counts.sum():,}", whole, ["mean", "2 deviations"], [False] * 2),
            ("mean of each class", means, names, [False] * len(names)),
        ],
        most=_MOST,
        across=5 if len(names) <= 15 else 8,
    )
