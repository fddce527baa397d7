"""A model that is ready to answer, computed by torch or, if exported, by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.description import Description
from kenspeckle.errors import ModelFileError
from kenspeckle.serving.library import library_of

MAX_BYTES = (1 << 31) - 1  # of a model file that is served


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a process that computes has loaded."""

    description: Description
    card: Mapping[str, Any]
    version: str  # the first 12 hex digits of the SHA-256 of the file
    # (N, height, width, C) to probabilities (N, K) and, where the model tells one, the number (N,)
    run: Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32] | None]]


def load(model: str, descriptor: int, *, threads: int = 0) -> Engine:
    """What the open file, called `model`, holds, on `threads` (0 = those that suit it).

    Raises `ModelFileError` where it is damaged.
    """
    data = read_file(model, descriptor)
    if library_of(model) == "onnx":
        from kenspeckle.serving.onnx_engine import engine_of
    else:
        from kenspeckle.serving.torch_engine import engine_of
    return engine_of(data, name=model, threads=threads)


def read_file(name: str, descriptor: int) -> bytes:
    """All of an open file, wherever others have read to."""
    try:
        size = os.fstat(descriptor).st_size
        if size > MAX_BYTES:
            raise ModelFileError(f"{name}: larger than {MAX_BYTES:,} bytes")
        return b"".join(_pieces(descriptor, size))
    except OSError as error:
        raise ModelFileError(f"{name}: cannot be read: {error.strerror or error}") from error


def version_of(data: bytes) -> str:
    """By which clients know a model file."""
    return hashlib.sha256(data).hexdigest()[:12]


def _pieces(descriptor: int, size: int) -> Iterator[bytes]:
    at = 0
    while at < size and (piece := os.pread(descriptor, size - at, at)):
        at += len(piece)
        yield piece
