"""What every figure of a record must be."""

import io

import numpy as np
from PIL import Image

from kenspeckle.figures.style import COLUMN, png


def drawn(record):
    """The figure of `record`, after it was made in both themes, not wider than a column."""
    figure = record.figure()
    width, height = figure.get_size_inches()
    assert width <= COLUMN
    assert height <= 8
    light, dark = (
        np.asarray(Image.open(io.BytesIO(png(figure, theme=theme))).convert("L"))
        for theme in ("light", "dark")
    )
    assert light[0, 0] > 200 and dark[0, 0] < 60
    return figure


def texts(figure):
    """All words in `figure`."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def smallest_letters(figure):
    """Points, of the smallest words."""
    from matplotlib.text import Text

    return min(
        text.get_fontsize()
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible()
    )
