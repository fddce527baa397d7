"""The 1,797 digits of 8 x 8 that come with scikit-learn (UCI, Alpaydin and Kaynak 1998)."""

from __future__ import annotations

import numpy as np

from kenspeckle.data.dataset import Dataset, memory_dataset


def digits() -> Dataset:
    """Pixels of 0 to 16 are scaled to 0 to 255; there is no official test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    names = tuple(map(str, bunch.target_names))
    return memory_dataset(images, bunch.target, class_names=names, source="digits")
