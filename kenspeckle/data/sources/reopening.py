"""A Dataset of picture files, read again from where it came, at the size that a training wants."""

from __future__ import annotations

import numpy as np

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.errors import DataError


def read_again(
    dataset: Dataset,
    *,
    data: SourceConfig,
    preprocess: PreprocessConfig,
    progress: Progress | None = None,
) -> Dataset:
    """`dataset` as its path gives it with these settings; a Dataset in memory as it is.

    Raises `DataError` where the path gives other files or labels by now, or by these settings.
    """
    if dataset.origin is None:
        return dataset
    found = open_dataset(dataset.source, data=data, preprocess=preprocess, progress=progress)
    if not _same_items(dataset, found):
        raise DataError(
            f"{dataset.source}: its files or their labels are not those of this Dataset; give the "
            "path instead of the Dataset, with the settings data.* that it was opened with"
        )
    assert found.origin
    return dataset if found.origin.preprocess == dataset.origin.preprocess else found


def _same_items(one: Dataset, other: Dataset) -> bool:
    if one.class_names != other.class_names or one.origin is None or other.origin is None:
        return False
    files = [
        [(picture.name, picture.sha256) for picture in origin.pictures]
        for origin in (one.origin, other.origin)
    ]
    return (
        files[0] == files[1]
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.official_test, other.official_test)
    )
