"""MNIST, bundled: the four files that LeCun, Cortes and Burges published (see ATTRIBUTION.md)."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.sources.idx import folder_dataset

FOLDER = Path(__file__).parents[1] / "bundled" / "mnist"


def mnist() -> Dataset:
    """70,000 digits of 28 x 28; the last 10,000 are the official test set."""
    return folder_dataset(FOLDER, source="mnist")
