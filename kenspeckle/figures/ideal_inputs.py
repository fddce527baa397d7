"""The picture of each class that a network likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kenspeckle.figures.style import INK, SMALL, bare, literal

if TYPE_CHECKING:
    from kenspeckle.explain.ideal_inputs import IdealInputs


def ideal_inputs(rows: Mapping[str, IdealInputs], means: NDArray[np.float64] | None) -> Figure:
    """A row for each penalty, a column for each class; above them the mean picture of the class."""
    first = next(iter(rows.values()))
    names = [literal(name, 10) for name in first.class_names]
    classes = len(names)
    lines = len(rows) + (means is not None)
    figure = Figure(figsize=(0.95 * classes, 1.15 * lines), layout="constrained")

    def draw(row: int, title: str, images: NDArray[Any], notes: Sequence[str]) -> None:
        for label, image in enumerate(images):
            axes = figure.add_subplot(lines, classes, row * classes + label + 1)
            shown = image.squeeze() if image.shape[-1] == 1 else image.astype(np.uint8)
            axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
            axes.set_title(notes[label], pad=2)
            bare(axes)
            if label == 0:
                axes.set_ylabel(title, fontsize=SMALL, color=INK)

    if means is not None:
        draw(0, "mean", means, names)
    for number, (title, item) in enumerate(rows.items(), start=lines - len(rows)):
        judged = item.judged if item.judged is not None else np.arange(classes)
        notes = [
            names[label]
            if judged[label] == label
            else f"{names[label]}: judge {names[judged[label]]}"
            for label in range(classes)
        ]
        draw(number, title, item.full_contrast, notes)
    return figure
