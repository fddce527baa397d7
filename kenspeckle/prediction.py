"""What a model says of picture files, whatever computes it: nothing here needs torch."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.data.decode import SUFFIXES, read_file
from kenspeckle.data.framing import decode_for
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.errors import DataError

_SHOWN = 128  # pixels a side of `Prediction.picture`


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says of one picture; where `error` is not empty, the rest is."""

    path: str
    label: str = ""
    probability: float = 0.0
    runner_up: str = ""
    runner_up_probability: float = 0.0
    error: str = ""
    picture: NDArray[np.uint8] | None = None  # (H, W, C), reduced to at most 128 a side
    seen: NDArray[np.uint8] | None = None  # (height, width, C) as the network saw it
    value: float | None = None  # where the model tells a number


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A picture file that can be used."""

    path: Path
    pixels: NDArray[np.uint8]  # (H, W, C) as it was decoded
    seen: NDArray[np.uint8]  # (views, height, width, C), what the network is given

    def reduced(self) -> Opened:
        """With pixels for display alone: a thousand photographs in full would fill the memory."""
        return replace(self, pixels=_reduced(self.pixels))


def open_picture(path: Path, preprocess: PreprocessConfig, *, channels: int) -> Opened:
    """Read, decode and prepare one file; raises `DataError` where it cannot be used."""
    pixels = decode_for(read_file(path), preprocess, name=str(path)).pixels
    return Opened(path=path, pixels=pixels, seen=prepare(pixels, preprocess, channels=channels))


def answered(
    opened: Opened,
    row: NDArray[np.float32],
    class_names: Sequence[str],
    *,
    value: float | None,
) -> Prediction:
    """The answer for the probabilities `row` (K,) of one picture."""
    order = np.argsort(-row, kind="stable")
    second = order[1] if len(order) > 1 else order[0]
    return Prediction(
        path=str(opened.path),
        label=class_names[order[0]],
        probability=float(row[order[0]]),
        runner_up=class_names[second],
        runner_up_probability=float(row[second]),
        picture=_reduced(opened.pixels),
        seen=opened.seen[len(opened.seen) // 2],
        value=value,
    )


def refused(path: Path, error: DataError) -> Prediction:
    """The answer for a picture that cannot be used."""
    return Prediction(path=str(path), error=str(error).removeprefix(f"{path}: "))


def find_pictures(images: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that a name, a folder, a glob or several of them stand for, each once, in order."""
    found: dict[Path, None] = {}
    for image in _several(images):
        matches = [path for path, reason in _matches(Path(image)) if not reason]
        if not matches:
            raise DataError(f"{image}: no such picture, and no folder or glob with pictures")
        found.update(dict.fromkeys(matches))
    return list(found)


def left_out(images: str | Path | Iterable[str | Path]) -> dict[Path, str]:
    """What is in those folders and globs and is not predicted, with its reason; no folders."""
    found = {path: why for image in _several(images) for path, why in _matches(Path(image)) if why}
    given = set(find_pictures(images)) if found else set()  # some by their names as well
    return {path: reason for path, reason in found.items() if path not in given}


def _several(images: str | Path | Iterable[str | Path]) -> Iterable[str | Path]:
    return [images] if isinstance(images, str | Path) else images


def _matches(path: Path) -> list[tuple[Path, str]]:
    """Each file with why it is not used; "" = it is."""
    try:
        if path.is_dir():
            return [(child, _unused(child)) for child in sorted(path.rglob("*")) if _is_file(child)]
        if path.exists():
            return [(path, "")]
        if any(mark in str(path) for mark in "*?["):
            names = sorted(glob.glob(str(path), recursive=True))
            files = [Path(name) for name in names if _is_file(Path(name))]
            return [(file, "" if file.is_file() else _unused(file)) for file in files]
    except OSError as error:  # a name too long, a folder that may not be searched
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return []


def _is_file(path: Path) -> bool:
    """Or anything else but a folder; a link to one is not followed, and so is told."""
    return path.is_symlink() or not path.is_dir()


def _unused(path: Path) -> str:
    """Why a file in a folder is not used, in the words of the ledger; "" = it is."""
    if not path.exists():
        return "broken-link"
    if path.is_dir():
        return "link to a folder"
    if not path.is_file():
        return "special"
    return "" if path.suffix.lower() in SUFFIXES else "not-a-picture"


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if max(picture.shape[:2]) <= _SHOWN:
        return picture
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.thumbnail((_SHOWN, _SHOWN))
    return np.asarray(image).reshape(image.height, image.width, picture.shape[-1])
