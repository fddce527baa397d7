"""The hidden layer of many pictures, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from kenspeckle.figures.style import HEAT, bare, literal

if TYPE_CHECKING:
    from kenspeckle.explain.fingerprints import Fingerprints


def fingerprints(found: Fingerprints, *, most: int = 200) -> Figure:
    """A panel for each class: units of the hidden layer down, pictures across."""
    classes = len(found.class_names)
    figure = Figure(figsize=(1.1 * classes, 4.2), layout="constrained")
    top = float(np.percentile(found.values, 99))
    for label, name in enumerate(found.class_names):
        axes = figure.add_subplot(1, classes, label + 1)
        values = found.values[found.labels == label][:most]
        axes.imshow(values.T, aspect="auto", cmap=HEAT, vmin=0, vmax=top, interpolation="none")
        axes.set_title(literal(name, 10))
        bare(axes)
    return figure
