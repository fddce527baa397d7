"""What a model that tells a number says of the pictures of each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.style import COLOURS, FAINT, HAIR, chart


def told_numbers(values: NDArray[Any], labels: NDArray[Any], numbers: Sequence[float]) -> Figure:
    """Median and middle 90 % of `values` (N,) for each of `numbers` (K,), by `labels` (N,)."""
    figure, axes = chart(height=3.3)
    ends = [min(numbers), max(numbers)]
    axes.plot(ends, ends, color=FAINT, linewidth=1, linestyle=(0, (2, 3)))
    for label, number in enumerate(numbers):
        told = values[labels == label]
        if len(told):
            low, middle, high = np.percentile(told, [5, 50, 95])
            axes.plot([number, number], [low, high], color=COLOURS[0], linewidth=1.4)
            axes.plot(number, middle, "o", color=COLOURS[0], markersize=4.5)
    axes.grid(color=HAIR, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("number in the picture")
    axes.set_ylabel("number told")
    return figure
