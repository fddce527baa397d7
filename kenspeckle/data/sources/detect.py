"""From what the user typed to a Dataset: a known name, or a path whose kind is detected."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from kenspeckle.data.corrections import corrected
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.listing import Listing
from kenspeckle.data.picture_cache import Progress, cache_folder
from kenspeckle.data.pictures import Classes, picture_dataset
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources import idx
from kenspeckle.data.sources.cifar import cifar_dataset, is_cifar
from kenspeckle.data.sources.counting import counting, parse_counting
from kenspeckle.data.sources.digits import digits
from kenspeckle.data.sources.fashion_mnist import fashion_mnist
from kenspeckle.data.sources.folder import list_folder
from kenspeckle.data.sources.mnist import mnist
from kenspeckle.data.sources.npz import is_npz, npz_dataset
from kenspeckle.data.sources.parquet import is_parquet_folder
from kenspeckle.data.sources.table import is_table, list_table
from kenspeckle.data.sources.tar_archive import is_tar, list_tar
from kenspeckle.data.sources.tfrecord import is_tfrecord, list_tfrecord
from kenspeckle.data.sources.webdataset import is_webdataset, list_webdataset
from kenspeckle.data.sources.webdataset_shards import shard_paths
from kenspeckle.data.sources.zip_archive import is_zip, list_zip
from kenspeckle.errors import DataError, unknown_name

NAMED: dict[str, Callable[[Progress | None], Dataset]] = {
    "counting": lambda _: counting(),
    "digits": lambda _: digits(),
    "fashion-mnist": lambda progress: fashion_mnist(progress=progress),
    "mnist": lambda _: mnist(),
}
_KINDS = (
    "a folder, zip or tar of pictures with a folder for each class, a table (CSV, TSV, Parquet), "
    "TFRecord or WebDataset files, an IDX images file with its labels beside it, IMAGES:LABELS, a "
    "folder of the four, .npz, or CIFAR-10 or CIFAR-100"
)


def open_dataset(
    source: str | Path,
    *,
    data: SourceConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    classes: Classes = "learned",
    progress: Progress | None = None,
) -> Dataset:
    """The Dataset that `source` names: one of `NAMED`, a path, or `IMAGES:LABELS`.

    Picture files are brought to the size that `preprocess` says; of classes that have none to train
    on, they are left out unless `classes` is "all". `progress` hears of decoding, and
    of downloads, which only the name "fashion-mnist" can cause. Labels are corrected as
    `data.corrections` says. Raises `DataError` where nothing fits.
    """
    found = _opened(source, data, preprocess, classes, progress)
    return corrected(found, data.corrections) if data and data.corrections else found


def _opened(
    source: str | Path,
    data: SourceConfig | None,
    preprocess: PreprocessConfig | None,
    classes: Classes,
    progress: Progress | None,
) -> Dataset:
    name = str(source)
    listing = list_pictures(name, data or SourceConfig())
    if listing:
        return picture_dataset(
            listing,
            data or SourceConfig(),
            preprocess or PreprocessConfig(),
            classes=classes,
            progress=progress,
        )
    if name in NAMED:
        return NAMED[name](progress)
    if name.startswith("counting:"):
        return counting(parse_counting(name))
    try:
        return _open_path(name)
    except OSError as error:  # a name too long, a folder that may not be searched
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def list_pictures(source: str, config: SourceConfig) -> Listing | None:
    """The listing of a source of picture files; None for all other sources.

    Raises `DataError` where there are picture files, but none that has a class.
    """
    if not source or source in NAMED or source.startswith("counting:"):
        return None
    path = Path(source)
    spool = cache_folder().parent / "unpacked"
    try:
        if path.is_dir():
            return _list_folder(path, config, source, spool)
        if not path.exists():
            return _list_shards(source, config, spool)
        if idx.is_idx(path) or is_npz(path) or is_cifar(path):
            return None
        if is_webdataset([path]):
            return list_webdataset([path], config, source=source, spool=spool)
        if is_tar(path):
            return list_tar(path, config, source=source, spool=spool)
        if is_zip(path):
            return list_zip(path, config, source=source)
        if is_tfrecord(path):
            return list_tfrecord([path], config, source=source, spool=spool)
        if is_table(path):
            return list_table(path, config, source=source, spool=spool)
    except OSError as error:  # a name too long, a folder that may not be searched
        raise DataError(f"{source}: cannot be read: {error.strerror or error}") from error
    return None


def _list_folder(path: Path, config: SourceConfig, source: str, spool: Path) -> Listing | None:
    if idx.has_standard_files(path) or is_cifar(path):
        return None
    if is_parquet_folder(path):
        return list_table(path, config, source=source, spool=spool)
    files = shard_paths(source)
    if files and all(is_tfrecord(file) for file in files):
        return list_tfrecord(files, config, source=source, spool=spool)
    if files and is_webdataset(files):
        return list_webdataset(files, config, source=source, spool=spool)
    return list_folder(path, config, source=source)


def _list_shards(source: str, config: SourceConfig, spool: Path) -> Listing | None:
    """Of several files named at once, such as `train-{000..009}.tar`."""
    files = shard_paths(source)
    if len(files) < 2:
        return None
    if is_webdataset(files):
        return list_webdataset(files, config, source=source, spool=spool)
    return list_tfrecord(files, config, source=source, spool=spool)


def locate(source: str) -> str:
    """`source` as it is found from any folder: a name stays, a path that exists becomes absolute.

    Raises `DataError` where the path has bytes that are no UTF-8, which no configuration can hold.
    """
    images, separator, labels = source.rpartition(":")
    if source in NAMED:
        return source
    if os.path.exists(source):  # unlike Path.exists, false for a name too long
        found = str(Path(source).absolute())
    elif separator and os.path.isfile(images):
        found = f"{Path(images).absolute()}:{Path(labels).absolute()}"
    elif "{" in source and len(shard_paths(source)) > 1:
        found = str(Path(source).absolute())
    else:
        return source
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{source}: not a path in UTF-8; rename it") from error
    return found


def _open_path(name: str) -> Dataset:
    path = Path(name)
    if path.is_dir() and idx.has_standard_files(path):
        return idx.folder_dataset(path, source=name)
    if path.is_file() and idx.is_idx(path):
        return idx.pair_dataset(path, idx.labels_beside(path), source=name)
    if is_cifar(path):
        return cifar_dataset(path, source=name)
    if is_npz(path):
        return npz_dataset(path, source=name)
    images, separator, labels = name.rpartition(":")
    if separator and Path(images).is_file():
        return idx.pair_dataset(Path(images), Path(labels), source=name)
    if path.exists():
        raise DataError(f"{name}: no kind of data that can be read; expected {_KINDS}")
    raise DataError(f"{unknown_name('source', name, NAMED)}, and there is no such file or folder")
