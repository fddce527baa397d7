"""What the page shows of any picture, whatever computed the answer: what was seen, and the bars."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.errors import ConfigError, KenspeckleError, unknown_name

PARTS = ("seen", "answer", "saliency", "activations", "neighbours")
_MOST_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Given:
    """A picture as the network is given it, and what it says."""

    views: NDArray[np.uint8]  # (views, height, width, C)
    shares: NDArray[np.float32]  # (K,)
    value: float | None

    @property
    def seen(self) -> NDArray[np.uint8]:
        """(height, width, C) of the middle view."""
        middle: NDArray[np.uint8] = self.views[len(self.views) // 2]
        return middle


def check_asked(parts: Sequence[str], label: str, class_names: Sequence[str]) -> None:
    """Raise `ConfigError` for a part or a class that is not there."""
    for part in parts:
        if part not in PARTS:
            raise ConfigError(unknown_name("part", part, PARTS))
    if label and label not in class_names:
        raise ConfigError(f"no class of the model is called {label[:100]!r}")


def part_or_why(part: Callable[[Given], dict[str, Any]], given: Given) -> dict[str, Any]:
    """`part` of `given`, or `{"error"}`, such as for a layer that gives no maps."""
    try:
        return part(given)
    except KenspeckleError as error:
        return {"error": str(error)}


def seen_part(given: Given) -> dict[str, Any]:
    """The picture as the network sees it."""
    height, width, channels = given.seen.shape
    return {
        "picture": png_address(given.seen),
        "height": height,
        "width": width,
        "channels": channels,
        "views": len(given.views),
    }


def answer_part(given: Given, class_names: Sequence[str]) -> dict[str, Any]:
    """The answer and its bars."""
    order = np.argsort(-given.shares, kind="stable")[:_MOST_CLASSES]
    return {
        "label": class_names[order[0]],
        "probability": float(given.shares[order[0]]),
        "value": given.value,
        "classes": len(class_names),
        "top": [
            {
                "label": class_names[place],
                "index": int(place),
                "probability": float(given.shares[place]),
            }
            for place in order
        ],
    }


def png_address(picture: NDArray[np.uint8]) -> str:
    """(H, W, 1, 3 or 4) as an address that holds the picture itself, a PNG."""
    buffer = io.BytesIO()
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    image.save(buffer, format="PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
