"""A record made Drawable by a function that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from kenspeckle.figures.drawable import Drawable


@dataclass(frozen=True, kw_only=True)
class Drawing(Drawable):
    """A heading, what is to be seen, and how it is drawn."""

    heading: str
    words: str
    draw: Callable[[], Figure]

    @property
    def title(self) -> str:
        """The heading."""
        return self.heading

    @property
    def description(self) -> str:
        """What is to be seen."""
        return self.words

    def figure(self) -> Figure:
        """A drawing, new at each call."""
        return self.draw()
