"""Pictures that are decoded whenever they are asked for, for sources larger than the disk's rest.

Each was decoded whole in a process of its own before, so here threads decode. A file whose bytes
are no longer those of then is an error with its name, because splits were made of those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.framing import decode_for
from kenspeckle.data.listing import Item
from kenspeckle.data.place import read_place
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import DataError, PictureError
from kenspeckle.processor import cores


class StreamedImages:
    """Rows of a source, decoded by threads; a file that changed is a `DataError` with its name."""

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        items: Sequence[Item],
        config: PreprocessConfig,
        *,
        sums: Sequence[str],
        max_pixels: int,
    ) -> None:
        """`sums` are the SHA-256 of the files of `items`, in hexadecimal digits."""
        self.items = items
        self.sums = sums
        self.config = config
        self.max_pixels = max_pixels
        self.shape = (len(items), config.height, config.width, config.channels)
        self._threads = ThreadPoolExecutor(cores())

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return map(self._decoded, self.items, self.sums)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[index]
        if rows.ndim == 0:
            return self._decoded(self.items[int(rows)], self.sums[int(rows)])
        found = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)
        items, sums = ([every[row] for row in rows.tolist()] for every in (self.items, self.sums))
        for place, image in enumerate(self._threads.map(self._decoded, items, sums)):
            found[place] = image
        return found

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, indices: NDArray[np.int64]) -> StreamedImages:
        """The pictures at `indices`, still not decoded."""
        other = object.__new__(StreamedImages)
        other.__dict__.update(self.__dict__)
        other.items = [self.items[index] for index in indices.tolist()]
        other.sums = [self.sums[index] for index in indices.tolist()]
        other.shape = (len(other.items), *self.shape[1:])
        return other

    def _decoded(self, item: Item, expected: str) -> NDArray[np.uint8]:
        try:
            data = read_place(item.place, name=item.name)
            if hashlib.sha256(data).hexdigest() != expected:
                raise DataError(
                    f"{item.name}: changed since this began: restore it, or begin anew with it"
                )
            picture = decode_for(data, self.config, name=item.name, max_pixels=self.max_pixels)
        except PictureError as error:
            raise DataError(f"{error}; it was usable when this began: restore it") from error
        framed: NDArray[np.uint8]
        (framed,) = prepare(picture.pixels, self.config, channels=self.config.channels)
        return framed
