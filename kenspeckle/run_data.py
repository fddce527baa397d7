"""The pictures that a run is about, opened as its settings ask for."""

from __future__ import annotations

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.reopening import read_again
from kenspeckle.errors import DataError
from kenspeckle.run_folder import Run
from kenspeckle.settings import RunConfig


def opened(dataset: Dataset | None, settings: RunConfig, progress: Progress | None) -> Dataset:
    """The pictures that `settings` ask for, from `dataset` if there is one."""
    data, preprocess = settings.data, settings.preprocess
    if dataset is None:
        return open_dataset(settings.source, data=data, preprocess=preprocess, progress=progress)
    return read_again(dataset, data=data, preprocess=preprocess, progress=progress)


def data_of(run: Run, dataset: Dataset | None = None, progress: Progress | None = None) -> Dataset:
    """What `run` was trained on, opened again; `DataError` where that is gone or has changed."""
    data, known = opened(dataset, run.config, progress), run.ledger["fingerprint"]
    if data.fingerprint != known:
        raise DataError(
            f"the data of {data.source} changed since this run began "
            f"(fingerprint {data.fingerprint[:12]}, was {known[:12]}); restore it or train anew"
        )
    return data
