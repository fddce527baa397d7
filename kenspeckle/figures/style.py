"""What all figures share: palette, sizes, files in light and dark.

A chart is at most `COLUMN` wide, so that its letters stay readable on a phone; a page sets two of
them side by side where there is room.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

Theme = Literal["light", "dark"]

# Okabe and Ito 2008: told apart without colour vision too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, FAINT, HAIR, PAPER = "#1f2328", "#636c76", "#d1d9e0", "#ffffff"
HEAT = "magma"  # for amounts from nothing upwards
BALANCE = "RdBu_r"  # for values around zero
COLUMN = 4.8  # inches, of a chart in one column of a page
SMALL, USUAL = 8.0, 9.0  # points, of letters
_DARK = {
    INK: "#e6edf3",
    FAINT: "#9aa4af",
    HAIR: "#3d444d",
    PAPER: "#151b23",
    # the same hues, light enough to read as letters too
    "#0072B2": "#4da6e8",
    "#D55E00": "#f5893d",
    "#009E73": "#2fc295",
    "#56B4E9": "#a5dcff",
}
_IN_DARK = {ours.lower(): dark for ours, dark in _DARK.items()}
_DPI = 150
_COLOURED = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def chart(*, width: float = COLUMN, height: float = 3.0) -> tuple[Figure, Axes]:
    """An empty figure of `width` x `height` inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """No frame where there is no scale, faint ticks, letters of the usual size."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(HAIR)
    axes.tick_params(colors=FAINT, labelsize=SMALL)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(INK)
        text.set_fontsize(USUAL)
    axes.title.set_color(INK)
    axes.title.set_fontsize(USUAL)


def bare(axes: Axes) -> None:
    """For a picture: neither frame nor scale."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.title.set_color(INK)
    axes.title.set_fontsize(SMALL)


def name_above(
    figure: Figure, drawn: Mapping[str, Artist] | None = None, *, columns: int = 2
) -> None:
    """A legend above everything, of what is `drawn` by name, or of all that carries a label."""
    named = drawn or {
        str(label): handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(named.values()),
        list(named),
        loc="outside upper center",
        ncols=columns,
        fontsize=SMALL,
        labelcolor=INK,
        frameon=False,
    )


def png(figure: Figure, *, theme: Theme = "light") -> bytes:
    """The figure as a PNG file of 256 colours, on paper of the theme."""
    drawn = Image.open(io.BytesIO(_saved(figure, "png", theme, metadata={"Software": None})))
    buffer = io.BytesIO()
    # a third of the bytes, and no eye tells the difference in what we draw
    few = drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def svg(figure: Figure, *, theme: Theme = "light") -> bytes:
    """The figure as an SVG file, letters as outlines; equal bytes for equal new figures."""
    # both settings of this file alone: ids that do not change, no letters that need a font
    with matplotlib.rc_context({"svg.hashsalt": "kenspeckle", "svg.fonttype": "path"}):
        return _saved(figure, "svg", theme, metadata={"Date": None, "Creator": None})


def _saved(figure: Figure, kind: str, theme: Theme, metadata: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with _themed(figure, theme):
        figure.savefig(
            buffer,
            format=kind,
            dpi=_DPI,
            bbox_inches="tight",
            pad_inches=0.06,
            facecolor=_DARK[PAPER] if theme == "dark" else PAPER,
            metadata=metadata,
        )
    return buffer.getvalue()


@contextmanager
def _themed(figure: Figure, theme: Theme) -> Iterator[None]:
    """Draw in the theme's ink what is drawn in ours; the figure stays as it was."""
    changed: list[tuple[Artist, str, Any]] = []
    if theme == "dark":
        boxes = [text.get_bbox_patch() for text in figure.findobj(Text)]  # findobj skips them
        for artist in [*figure.findobj(), *(box for box in boxes if box)]:
            for name in _COLOURED:
                changed += _recoloured(artist, name)
    try:
        yield
    finally:
        for artist, name, colour in reversed(changed):
            getattr(artist, f"set_{name}")(colour)


def _recoloured(artist: Artist, name: str) -> list[tuple[Artist, str, Any]]:
    """Set one colour of `artist`, if it is ours; what it was."""
    read, write = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
    if read is None or write is None:
        return []
    before = read()
    if isinstance(before, np.ndarray) and before.shape == (1, 4):  # of a collection
        before = tuple(before[0].tolist())
    try:
        dark = _IN_DARK.get(to_hex(before))
    except (TypeError, ValueError):  # several colours, or "auto" and "none"
        return []
    if dark is None or (len(before) == 4 and not isinstance(before, str) and before[3] == 0):
        return []
    write(dark)
    return [(artist, name, before)]
