"""How the numbers of one layer are spread from the first step of a training to the last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from kenspeckle.explain.histograms import Histogram
from kenspeckle.figures.drawable import Drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["weights", "gradients", "pre-activations"]
LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)  # of the quantiles that are drawn


@dataclass(frozen=True, kw_only=True)
class HistogramHistory(Drawable):
    """The histograms of one layer, step by step."""

    kind: Kind
    layer: str
    steps: tuple[int, ...]  # ascending
    histograms: tuple[Histogram, ...]  # one for each step

    @property
    def quantiles(self) -> NDArray[np.float64]:
        """(steps, LEVELS), between the edges of bins as if entries lay evenly in each."""
        return np.stack([quantiles(item, LEVELS) for item in self.histograms])

    @property
    def deviations(self) -> NDArray[np.float64]:
        """(steps,)"""
        return np.array([item.deviation for item in self.histograms])

    @property
    def title(self) -> str:
        """What it shows."""
        return f"{self.kind.capitalize()} of {self.layer} while it learned"

    @property
    def description(self) -> str:
        """How the spread changed."""
        first, last = self.histograms[0], self.histograms[-1]
        return (
            f"Bands hold 50%, 80% and 98% of the entries, the line is their median. The deviation "
            f"goes from {first.deviation:.3g} at step {self.steps[0]:,} to {last.deviation:.3g} at "
            f"step {self.steps[-1]:,}, the mean from {first.mean:.3g} to {last.mean:.3g}."
        )

    def figure(self) -> Figure:
        """Bands of quantiles over the steps."""
        # training imports this module and must not wait for matplotlib
        from kenspeckle.figures.histogram_history import histogram_history as draw

        return draw(self)


def quantiles(item: Histogram, levels: tuple[float, ...]) -> NDArray[np.float64]:
    """(levels,) of the entries of a histogram, as if they lay evenly within each bin."""
    shares = np.concatenate([[0.0], np.cumsum(item.counts)]) / max(1, item.n)
    full = np.flatnonzero(item.counts)  # over empty bins a quantile jumps
    both = np.stack([full, full + 1], axis=1).ravel()
    found: NDArray[np.float64] = np.interp(levels, shares[both], item.edges[both])
    return found
