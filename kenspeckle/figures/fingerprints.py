"""The hidden layer of many pictures, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from kenspeckle.figures.names import PLAIN, longest, shown
from kenspeckle.figures.style import COLUMN, FAINT, HEAT, SMALL, bare

if TYPE_CHECKING:
    from kenspeckle.explain.fingerprints import Fingerprints

_PANELS = 12  # more would be narrower than their names


def fingerprints(found: Fingerprints, *, most: int = 200) -> Figure:
    """A panel for each class: units of the hidden layer down, at most `most` pictures across.

    Of many classes those that are least apart from another one, which the figure says.
    """
    chosen = _chosen(found)
    layout = ConstrainedLayoutEngine(w_pad=0.015, wspace=0.0)
    figure = Figure(figsize=(COLUMN, 3.2), layout=layout)
    top = float(np.percentile(found.values, 99)) or None
    low = min(0.0, float(np.percentile(found.values, 1)))
    order = _order(found)
    upright = longest([found.class_names[label] for label in chosen]) > 4
    panels = figure.subplots(1, len(chosen), squeeze=False)[0]
    for axes, label in zip(panels, chosen, strict=True):
        values = found.values[found.labels == label][:most][:, order]
        if len(values):
            axes.imshow(
                values.T, aspect="auto", cmap=HEAT, vmin=low, vmax=top, interpolation="none"
            )
        name = shown(found.class_names[label])
        axes.set_title(name, rotation=90 if upright else 0, **PLAIN)
        bare(axes)
    panels[0].set_ylabel(f"{len(order):,} units", fontsize=SMALL, color=FAINT)
    across = "pictures of each class, one a column"
    if len(chosen) < len(found.class_names):
        across = f"the {len(chosen)} of {len(found.class_names)} classes that are least apart"
    figure.supxlabel(across, fontsize=SMALL, color=FAINT)
    return figure


def _chosen(found: Fingerprints) -> list[int]:
    """All classes, or those with the closest neighbour, in the order of their labels."""
    if len(found.class_names) <= _PANELS:
        return list(range(len(found.class_names)))
    apart = np.nan_to_num(found.separation, nan=np.inf).min(axis=1)
    return sorted(np.argsort(apart, kind="stable")[:_PANELS].tolist())


def _order(found: Fingerprints) -> NDArray[np.int64]:
    """Units by the class whose mean is highest, so that the bands lie on a diagonal."""
    means = np.where(np.isfinite(found.means), found.means, -np.inf)
    order: NDArray[np.int64] = np.lexsort((-means.max(axis=0), means.argmax(axis=0)))
    return order
