"""Records that draw themselves; matplotlib is imported only when they do.

Training makes such records at every epoch, and must not wait for matplotlib.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawable(ABC):
    """A record that draws itself; a notebook shows it."""

    @property
    @abstractmethod
    def title(self) -> str:
        """A few words, such as "Filters of the first layer"."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is to be seen and what follows from it, in a sentence or two with the numbers."""

    @abstractmethod
    def figure(self) -> Figure:
        """A drawing of it, new at each call."""

    def _repr_png_(self) -> bytes:
        from kenspeckle.figures.style import png

        return png(self.figure())
