"""Pictures that are nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Groups."""

    exact: tuple[tuple[int, ...], ...] = ()
    near: tuple[tuple[int, ...], ...] = ()
    group: NDArray[np.int64]


def near_duplicates(thumbnails: NDArray[np.uint8], digests: NDArray[np.uint8]) -> Duplicates:
    """Exact ones only, until they are compared."""
    return Duplicates(group=np.unique(digests.view("V16")[:, 0], return_inverse=True)[1])
