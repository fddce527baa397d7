"""One Dataset for several processes: pixels in a nameless file, which each of them maps.

The file has no name, so nothing is left behind however the processes end.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset, SourceFile
from kenspeckle.data.images import StoredImages, parts
from kenspeckle.errors import StorageError

_ARRAYS = ("labels", "official_test", "official_validation", "groups")  # those that are there


@dataclass(frozen=True, kw_only=True)
class SharedDataset:
    """What another process needs to open it: an inherited file, and facts that JSON can hold."""

    file: IO[bytes]
    facts: dict[str, Any]


@contextmanager
def shared(dataset: Dataset) -> Iterator[SharedDataset]:
    """`dataset`, which has no origin in picture files, for processes that inherit its file."""
    assert dataset.origin is None
    with tempfile.TemporaryFile(prefix="kenspeckle-") as file:
        try:
            for part in parts(dataset.images):
                file.write(np.ascontiguousarray(part).data)
            arrays = {}
            for name in _ARRAYS:
                array: NDArray[Any] | None = getattr(dataset, name)
                if array is not None:
                    arrays[name] = [array.dtype.str, file.tell()]
                    file.write(np.ascontiguousarray(array).data)
            file.flush()
        except OSError as error:
            raise StorageError(
                f"{tempfile.gettempdir()}: {dataset.source} cannot be written for several "
                f"processes to share: {error.strerror or error}; set TMPDIR to a folder with room"
            ) from error
        facts = {
            "source": dataset.source,
            "shape": list(dataset.images.shape),
            "class_names": list(dataset.class_names),
            "files": [asdict(found) for found in dataset.files],
            "arrays": arrays,
            "descriptor": file.fileno(),
        }
        yield SharedDataset(file=file, facts=facts)


def open_shared(facts: dict[str, Any]) -> Dataset:
    """The Dataset of `facts` in a process that has inherited the file."""
    mapped = mmap.mmap(facts["descriptor"], 0, access=mmap.ACCESS_READ)
    count, height, width, channels = facts["shape"]
    images = StoredImages(
        Path(f"/dev/fd/{facts['descriptor']}"),
        (height, width, channels),
        mapped=mapped,
        rows=np.arange(count),
        count=count,
    )
    arrays: dict[str, Any] = {
        name: np.frombuffer(mapped, dtype=kind, count=count, offset=offset).copy()
        for name, (kind, offset) in facts["arrays"].items()
    }
    return Dataset(
        source=facts["source"],
        images=images,
        class_names=tuple(facts["class_names"]),
        files=tuple(SourceFile(**file) for file in facts["files"]),
        **arrays,
    )
