"""What the page shows of a picture where an exported file answers, which has no inside to look at.

What the answer comes from is found from outside: by hiding one place after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.framing import decode_for
from kenspeckle.data.preprocess import prepare
from kenspeckle.errors import DataError
from kenspeckle.figures.overlays import overlay
from kenspeckle.serving.engine import Engine
from kenspeckle.serving.insight_parts import (
    PARTS,
    Given,
    answer_part,
    check_asked,
    part_or_why,
    png_address,
    seen_part,
)

_WINDOW = 0.2  # side of what is hidden, as a share of the shorter side of the picture
_MOST_PLACES = 200  # of a square picture; one of another form may have some more
_AT_ONCE = 1 << 22  # bytes of pictures
_LEAST = 1e-7  # of a probability and of what is missing to 1; float32 holds no less


class OnnxInsight:
    """Looks at pictures for one exported model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: tuple[bytes, Given] | None = None  # the page asks part by part

    def of(
        self, picture: bytes, *, label: str = "", parts: Sequence[str] = PARTS
    ) -> dict[str, Any]:
        """As `Insight.of`; layers and neighbours are `{"error": why not}`."""
        names = self._engine.description.class_names
        check_asked(parts, label, names)
        if self._last is None or self._last[0] != picture:
            self._last = picture, self._given(picture)
        told: dict[str, Callable[[Given], dict[str, Any]]] = {
            "seen": seen_part,
            "answer": lambda given: answer_part(given, names),
            "saliency": lambda given: self._saliency(given, label),
            "activations": _inside,
            "neighbours": _inside,
        }
        return {part: part_or_why(told[part], self._last[1]) for part in parts}

    def _given(self, picture: bytes) -> Given:
        about = self._engine.description
        decoded = decode_for(picture, about.preprocess, name="picture").pixels
        views = prepare(decoded, about.preprocess, channels=about.shape[0])
        shares, values = self._engine.run(views)
        value = None if values is None else float(values.mean())
        return Given(views=views, shares=shares.mean(axis=0), value=value)

    def _saliency(self, given: Given, label: str) -> dict[str, Any]:
        names = self._engine.description.class_names
        target = names.index(label) if label else int(given.shares.argmax())
        found = falls(self._engine, given.seen, target)
        return {
            "method": "occlusion",
            "signed": True,
            "label": names[target],
            "overlay": png_address(overlay(found, signed=True)),
        }


def falls(engine: Engine, seen: NDArray[np.uint8], target: int) -> NDArray[np.float64]:
    """(H, W): how much the log-odds of `target` fall when a square of `seen` (H, W, C) is hidden.

    The squares overlap by half; each hides its place with the median colour of the picture
    (Zeiler and Fergus 2014).
    """
    height, width = seen.shape[:2]
    side = max(1, round(_WINDOW * min(height, width)))
    step = max(1, side // 2, math.ceil(math.sqrt(height * width / _MOST_PLACES)))
    side = max(side, step)  # a narrow strip has few places, but wide ones
    places = [
        (top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)
    ]
    cover = np.median(seen, axis=(0, 1)).astype(np.uint8)

    def odds(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        return _log_odds(engine.run(pictures)[0][:, target])

    whole = odds(seen[np.newaxis])[0]
    total, times = np.zeros((height, width)), np.zeros((height, width))
    together = max(1, _AT_ONCE // seen.size)
    for first in range(0, len(places), together):
        some = places[first : first + together]
        hidden = np.repeat(seen[np.newaxis], len(some), axis=0)
        for picture, (top, left) in zip(hidden, some, strict=True):
            picture[top : top + side, left : left + side] = cover
        for (top, left), said in zip(some, odds(hidden), strict=True):
            total[top : top + side, left : left + side] += whole - said
            times[top : top + side, left : left + side] += 1
    return total / times


def _starts(extent: int, side: int, step: int) -> list[int]:
    """Where squares begin so that the last ends at the edge."""
    side = min(side, extent)
    return [*range(0, extent - side, step), extent - side]


def _log_odds(shares: NDArray[np.float32]) -> NDArray[np.float64]:
    kept = np.clip(shares.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(kept / (1 - kept))


def _inside(_: Given) -> dict[str, Any]:
    raise DataError("an exported file has no layers and no training pictures; serve the run itself")
