"""An exported model at work: ONNX Runtime instead of torch, and the same answers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.errors import DataError, MissingExtraError, ModelFileError
from kenspeckle.foreign import open_regular
from kenspeckle.foreign_text import harmless
from kenspeckle.onnx_check import MAX_BYTES, About, check
from kenspeckle.prediction import (
    Opened,
    Prediction,
    answered,
    find_pictures,
    open_picture,
    refused,
)
from kenspeckle.processor import threads_for

INPUT = "pictures"
OUTPUTS = {"classes": ["probabilities"], "number": ["probabilities", "value"]}


@dataclass(frozen=True, kw_only=True)
class OnnxModel:
    """A checked file, ready to answer."""

    name: str
    about: About
    session: Any  # onnxruntime.InferenceSession

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the probabilities."""
        return self.about.description.class_names

    @property
    def takes_prepared(self) -> bool:
        """Whether pictures must have the form of the input already, as `ink` makes them."""
        return self.about.description.preprocess.kind == "ink"

    def probabilities(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, K) for decoded `pictures` (N, H, W, 1 or 3), or prepared ones."""
        return self.answers(pictures)[0]

    def answers(
        self, pictures: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """`probabilities`, and the numbers (N,) where the model tells them."""
        shares, *values = self._run(pictures)
        return shares, values[0] if values else None

    def shares(self, opened: Opened) -> tuple[NDArray[np.float32], float | None]:
        """The probabilities (K,) of one picture file, and the number where it tells one."""
        pictures = opened.seen if self.takes_prepared else opened.pixels[np.newaxis]
        shares, values = self.answers(np.ascontiguousarray(pictures))
        return shares[0], None if values is None else float(values[0])

    def _run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        names = OUTPUTS[self.about.description.task]
        try:
            found: list[NDArray[np.float32]] = self.session.run(names, {INPUT: pictures})
        except _failures() as error:
            raise ModelFileError(
                f"{self.name}: it cannot answer for pictures of shape {pictures.shape}: "
                f"{harmless(str(error))}"
            ) from error
        count, classes = len(pictures), len(self.class_names)
        for answer, expected in zip(found, ((count, classes), (count,)), strict=False):
            if answer.shape != expected or not np.isfinite(answer).all():
                raise ModelFileError(
                    f"{self.name}: its answer has shape {answer.shape} or is not finite, "
                    f"expected {expected}"
                )
        return found


def load_onnx(path: str | Path, *, threads: int = 0) -> OnnxModel:
    """Check an exported file and make it ready; `threads` 0 = one for small inputs, else all.

    Raises `ModelFileError` with the reason where it is damaged or no export of this program.
    """
    try:
        with open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_BYTES:
                raise ModelFileError(f"{path}: larger than {MAX_BYTES:,} bytes")
            data = file.read()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    return onnx_from_bytes(data, name=str(path), threads=threads)


def onnx_from_bytes(data: bytes, *, name: str, threads: int = 0) -> OnnxModel:
    """What `load_onnx` makes of a file; errors begin with `name`."""
    about = check(data, name=name)
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or threads_for(*about.description.shape[1:])
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # pictures of one size seldom follow one another
    options.log_severity_level = 4
    # threads that wait for work turn a core each into heat, and other programs into waiting
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _failures() as error:
        raise ModelFileError(f"{name}: ONNX Runtime refuses it: {harmless(str(error))}") from error
    inputs = [(given.name, given.type) for given in session.get_inputs()]
    outputs = [(made.name, made.type) for made in session.get_outputs()]
    wanted = [(made, "tensor(float)") for made in OUTPUTS[about.description.task]]
    if inputs != [(INPUT, "tensor(uint8)")] or outputs != wanted:
        raise ModelFileError(f"{name}: its graph does not take pictures and give probabilities")
    return OnnxModel(name=name, about=about, session=session)


def predict_onnx(model: OnnxModel, images: str | Path | Iterable[str | Path]) -> list[Prediction]:
    """What `kenspeckle.predict` says, by an exported model: one `Prediction` for each file.

    A file that cannot be used gets a `Prediction` with its error. Raises `DataError` where a name
    matches nothing.
    """
    return [_prediction(model, path) for path in find_pictures(images)]


def _prediction(model: OnnxModel, path: Path) -> Prediction:
    description = model.about.description
    try:
        opened = open_picture(path, description.preprocess, channels=description.shape[0])
    except DataError as error:
        return refused(path, error)
    row, value = model.shares(opened)
    return answered(opened, row, model.class_names, value=value)


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "an .onnx file needs onnxruntime; pip install 'kenspeckle[onnx]'"
        ) from error
    return onnxruntime


def _failures() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises; its classes have no common one of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (getattr(state, name) for name in dir(state))
    own = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, MemoryError)
