"""`ks.export`: a run as one file of another format, written only if it answers alike."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle import storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import ConfigError, ModelFileError, unknown_name
from kenspeckle.exporting.graph import quiet, trace
from kenspeckle.exporting.metadata import facts
from kenspeckle.exporting.program_file import program_bytes
from kenspeckle.model_file import load
from kenspeckle.onnx_check import KEY
from kenspeckle.onnx_model import onnx_from_bytes
from kenspeckle.parity import PICTURES, FilesPath, Parity, Shares, answers_of, prove
from kenspeckle.prediction import open_picture
from kenspeckle.run_folder import Run, open_run

FormatName = Literal["onnx", "pt2"]


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file that was written, and the proof that it answers as the run does."""

    path: Path
    size: int  # bytes
    note: str  # what it takes, where that is not every picture; else ""
    parity: Parity


def export(
    run: str | Path | Run,
    *,
    to: FormatName = "onnx",
    out: str | Path | None = None,
    source: str | Path | Dataset | None = None,
    pictures: int = PICTURES,
    paths: Mapping[str, FilesPath] | None = None,
) -> Export:
    """Write the model of a finished run as one file, `model.onnx` in the run if not `out`.

    Its answers are compared with those of the run on `pictures` pictures of the run's own data, or
    of `source`; `paths` are further ways to answers, such as a server, that take part.
    Raises `ModelFileError`, and writes nothing, where a probability differs by more than 1e-4 or
    the network cannot be exported; `MissingExtraError` where packages for ONNX are missing.
    """
    if to not in get_args(FormatName):
        raise ConfigError(unknown_name("format", to, get_args(FormatName)))
    if pictures < 1:
        raise ConfigError(f"pictures must be at least 1, got {pictures}")
    found = run if isinstance(run, Run) else open_run(run)
    target = Path(out) if out else found.path / f"model.{to}"
    name = str(target)
    if not target.parent.is_dir():  # told before the proof, which takes its time
        raise ModelFileError(f"{name}: there is no folder {target.parent}; make it first")
    data, note, exported, of_files = _made(found, to, name)
    parity = prove(
        found, exported, of_files=of_files, name=to, source=source, pictures=pictures, paths=paths
    )
    parity.require(name)
    storage.write_file(target, data)
    return Export(path=target, size=len(data), note=note, parity=parity)


def _made(
    run: Run, to: FormatName, name: str
) -> tuple[bytes, str, Callable[[NDArray[np.uint8]], Shares], FilesPath]:
    """The bytes of the file, its note, and its answers for arrays and for files."""
    threads = run.config.threads
    if to == "onnx":
        # torch says little of what is missing; this names the extra
        from kenspeckle.exporting.onnx_file import onnx_bytes
    classifier = load(run.model_file)
    traced = trace(classifier, name=name)
    said = facts(classifier, run.model_file, note=traced.note)
    if to == "onnx":
        data = onnx_bytes(traced.program, said, name=name)
        model = onnx_from_bytes(data, name=name, threads=threads)
        return data, traced.note, model.probabilities, answers_of(model)
    data = program_bytes(traced.program, said)
    exported = _program(data)
    description = classifier.preprocess

    def of_files(files: Sequence[Path]) -> Shares:
        opened = [open_picture(file, description, channels=classifier.shape[0]) for file in files]
        is_prepared = description.kind == "ink"
        return np.concatenate(
            [exported(item.seen if is_prepared else item.pixels[np.newaxis]) for item in opened]
        )

    return data, traced.note, exported, of_files


def _program(data: bytes) -> Callable[[NDArray[np.uint8]], Shares]:
    """The answers of the bytes of a .pt2 file, as a user would read them."""
    with quiet():
        extra: dict[str, Any] = {KEY: ""}
        module = torch.export.load(io.BytesIO(data), extra_files=extra).module()
    assert json.loads(extra[KEY])["format"]

    def answer(pictures: NDArray[np.uint8]) -> Shares:
        with torch.inference_mode():
            # a copy: pictures of a file that is mapped cannot be written to, which torch warns of
            return cast(Shares, module(torch.from_numpy(np.array(pictures)))[0].numpy())

    return answer
