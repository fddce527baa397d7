"""An exported `model.onnx` at work.

The graph is given pictures that have been prepared here like those of any other model. They have
the size of its input then, and its own preparation leaves them as they are. (Of the kind `crops` it
looks at each view as often as there are views: the same answer for more work.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kenspeckle.onnx_model import onnx_from_bytes
from kenspeckle.serving.engine import Engine, version_of

_AT_ONCE = 1 << 20  # bytes of pictures; what the graph makes of them takes a hundred times that


def engine_of(data: bytes, *, name: str, threads: int = 0) -> Engine:
    """What `data` holds; `ModelFileError`, which begins with `name`, where it is no export."""
    model = onnx_from_bytes(data, name=name, threads=threads)

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        at_once = max(1, _AT_ONCE // images[0].size)
        if len(images) <= at_once:
            return model.answers(images)
        parts = [model.answers(images[at : at + at_once]) for at in range(0, len(images), at_once)]
        shares, values = zip(*parts, strict=True)
        return np.concatenate(shares), None if values[0] is None else np.concatenate(values)

    return Engine(
        description=model.about.description,
        card=model.about.card,
        version=version_of(data),
        run=run,
    )
