"""Some of many items, at even distances from the first to the last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` of `count` indices, ascending; all of them where they are no more."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
