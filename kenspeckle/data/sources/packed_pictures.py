"""Pictures copied one behind the other into a file of the spool, with their sizes at its end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kenspeckle.data.listing import Place
from kenspeckle.data.sources.spool import spooled, spooling
from kenspeckle.foreign import open_regular

_MAGIC = b"kenspool"


def picture_places(
    original: Path, spool: Path, contents: Iterable[bytes | None], *, count: int
) -> list[Place | None]:
    """The places of `count` pictures of `original`; None for one that is None.

    `contents` are read only where the folder `spool` does not hold them. Raises `DataError` where
    they are far more than `original` could hold.
    """
    target = spooled(original, spool)
    sizes = _sizes(target, count)
    if sizes is None:
        found = []
        with spooling(original, spool) as file:
            for content in contents:
                found.append(-1 if content is None else len(content))
                if content:
                    file.write(content)
            sizes = np.array(found, dtype="<i8")
            file.write(sizes.tobytes() + _MAGIC)
    ends = np.cumsum(np.maximum(sizes, 0))
    return [
        None if size < 0 else Place(path=str(target), offset=end - size, size=size)
        for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)
    ]


def _sizes(path: Path, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """The sizes that the file at `path` ends with; None where it is not what we wrote."""
    tail = 8 * count + len(_MAGIC)
    try:
        with open_regular(path) as file:
            whole = file.seek(0, os.SEEK_END)
            file.seek(max(0, whole - tail))
            data = file.read()
    except OSError:
        return None
    if len(data) != tail or not data.endswith(_MAGIC):
        return None
    sizes = np.frombuffer(data[: -len(_MAGIC)], dtype="<i8").astype(np.int64)
    return sizes if int(np.maximum(sizes, 0).sum()) + tail == whole else None
