"""Figures and small pictures as they stand in a page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.style import COLUMN, png, svg
from kenspeckle.pages.html import data_uri

if TYPE_CHECKING:
    from kenspeckle.briefing.record import Tile

_INCH = 96  # CSS pixels
_LARGE = 40_000  # bytes, from which a drawing is smaller as pixels
_SHARP = 64  # pixels a side, up to which each is shown as a square


@dataclass(frozen=True, kw_only=True)
class Illustration:
    """A figure in light and dark."""

    title: str
    description: str
    light: str  # data URIs
    dark: str
    width: int  # CSS pixels, as it was drawn
    height: int

    @property
    def is_wide(self) -> bool:
        """Whether it needs more than one column."""
        return self.width > 1.15 * COLUMN * _INCH


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A small picture."""

    uri: str
    width: int  # pixels
    height: int
    is_sharp: bool  # each pixel is shown as a square


def illustrated(item: Drawable) -> Illustration:
    """Draw it twice: as SVG, or as PNG where that is smaller."""
    figure = item.figure()
    width, height = figure.get_size_inches()
    kind, light = "image/svg+xml", svg(figure)
    if len(light) > _LARGE:
        kind, light, dark = "image/png", png(figure), png(figure, theme="dark")
    else:
        dark = svg(figure, theme="dark")
    return Illustration(
        title=item.title,
        description=item.description,
        light=data_uri(light, kind),
        dark=data_uri(dark, kind),
        width=round(width * _INCH),
        height=round(height * _INCH),
    )


def thumbnail(tile: Tile) -> Thumbnail:
    """As PNG where its pixels are to be seen, as JPEG where it is a photograph."""
    height, width, _ = tile.image.shape
    is_sharp = max(height, width) <= _SHARP
    return Thumbnail(
        uri=data_uri(_encoded(tile.image, is_sharp), "image/png" if is_sharp else "image/jpeg"),
        width=width,
        height=height,
        is_sharp=is_sharp,
    )


def _encoded(pixels: NDArray[np.uint8], is_sharp: bool) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if is_sharp:
        image.save(buffer, format="PNG", optimize=True)
    else:
        image.save(buffer, format="JPEG", quality=84)
    return buffer.getvalue()
