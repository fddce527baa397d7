"""Pictures of one size brought to another when they are asked for, where all would fill memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.framing import views, with_channels
from kenspeckle.data.images import Images, taken
from kenspeckle.data.preprocess_config import PreprocessConfig


class FramedImages:
    """One view of each of `images`, in the size that `config` says."""

    dtype = np.dtype(np.uint8)

    def __init__(
        self, images: Images, config: PreprocessConfig, *, channels: int, view: int
    ) -> None:
        self.images = images
        self.config = config
        self.view = view
        self.shape = (len(images), config.height, config.width, channels)

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return map(self._framed, self.images)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint8]:
        chosen = self.images[index]
        if chosen.ndim == 3:
            return self._framed(chosen)
        found = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
        for place, image in enumerate(chosen):
            found[place] = self._framed(image)
        return found

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, indices: NDArray[np.int64]) -> FramedImages:
        """The pictures at `indices`, still to be framed."""
        return FramedImages(
            taken(self.images, indices), self.config, channels=self.shape[3], view=self.view
        )

    def _framed(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        framed: NDArray[np.uint8] = views(with_channels(image, self.shape[3]), self.config)[
            self.view
        ]
        return framed
