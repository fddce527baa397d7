"""Numbers: rows of measured features instead of pictures, for networks without convolutions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Labelled rows of D numbers around zero, laid out as pictures of one line."""

    images: NDArray[np.float32]  # (N, 1, D, 1)
    labels: NDArray[np.int64]  # (N,), in [0, K)
    class_names: tuple[str, ...]  # K names, in the order of the labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Standard:
    """The mean and the deviation of each feature of a training set."""

    mean: NDArray[np.float64]  # (D,)
    deviation: NDArray[np.float64]  # (D,), 1 where a feature never changes

    def lines(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """`rows` (N, D) around zero and of deviation one, as (N, 1, D, 1)."""
        scaled: NDArray[np.float64] = (rows - self.mean) / self.deviation
        return scaled[:, np.newaxis, :, np.newaxis]


def standard_of(rows: NDArray[np.float64]) -> Standard:
    """What `rows` (N, D) are scaled by."""
    deviation = rows.std(axis=0)
    # of a constant that is no binary fraction, rounding leaves a deviation just above 0
    constant = deviation <= 1e-12 * np.abs(rows).max(axis=0)
    return Standard(mean=rows.mean(axis=0), deviation=np.where(constant, 1.0, deviation))
