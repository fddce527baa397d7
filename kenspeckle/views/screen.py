"""A terminal that text of strangers cannot steer."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kenspeckle.foreign_text import visible


class Screen(Console):
    """Shows control characters in text, such as a class name of a model, instead of obeying them.

    Those that rich itself sends are none of the text.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of `renderable`, each of them visible."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
