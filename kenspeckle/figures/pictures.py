"""Pictures in a drawing: as they are, or pale under a map of values."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from kenspeckle.figures.names import PLAIN
from kenspeckle.figures.style import BALANCE, HEAT, INK, SMALL, bare

_PALEST = 0.55  # of black in a picture under a map; white stays white


def caption(axes: Axes, text: str, *, size: float = SMALL, pad: float = 2.0) -> None:
    """Write `text` above a picture; dollars in it are dollars."""
    axes.set_title(text, pad=pad, **PLAIN)
    axes.title.set_color(INK)
    axes.title.set_fontsize(size)


def show(axes: Axes, image: NDArray[Any]) -> None:
    """A picture (H, W, C) of 0..255; small ones pixel by pixel."""
    bare(axes)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    axes.imshow(pixels, interpolation="nearest" if len(image) < 64 else "antialiased")


def balanced(values: NDArray[Any], limit: float) -> NDArray[np.float64]:
    """Colours (..., 3) of `values` from -`limit` to `limit`, blue to red, zero white."""
    scaled = np.clip(values / (limit or 1.0), -1, 1) / 2 + 0.5
    colours: NDArray[np.float64] = colormaps[BALANCE](scaled)[..., :3]
    return colours


def overlaid(image: NDArray[Any], values: NDArray[Any], limit: float) -> NDArray[np.float64]:
    """Colours (H, W, 3): `image` (H, W, C) in pale grey under `values` (H, W).

    Red is above zero and blue below; a value of `limit` hides the picture, zero shows it.
    """
    grey = image.astype(np.float64).mean(axis=2) / 255
    under = np.repeat((_PALEST + (1 - _PALEST) * grey)[..., None], 3, axis=2)
    strength = np.clip(np.abs(values) / (limit or 1.0), 0, 1)[..., None]
    found: NDArray[np.float64] = np.clip(
        under * (1 - strength) + balanced(values, limit) * strength, 0, 1
    )
    return found


def heat(values: NDArray[Any], top: float) -> NDArray[np.float64]:
    """Colours (..., 3) of amounts from 0 to `top`."""
    colours: NDArray[np.float64] = colormaps[HEAT](np.clip(values / (top or 1.0), 0, 1))[..., :3]
    return colours


def sheet(width: float, height: float, *, gap: float = 0.02) -> Figure:
    """An empty figure of so many inches whose panels have `gap` inches around them."""
    layout = ConstrainedLayoutEngine(w_pad=gap, h_pad=gap, wspace=0.0, hspace=0.0)
    return Figure(figsize=(width, height), layout=layout)


def grid(count: int, *, across: int) -> tuple[int, int]:
    """Rows and columns for `count` panels."""
    columns = max(1, min(across, count))
    return -(-count // columns), columns
