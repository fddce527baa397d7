"""A process that decodes pictures and nothing else, so that a hostile file can harm nothing else.

`decoders` starts it. Tasks come in and reports go out as lines of JSON; pixels go straight into
the files of the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.decode import check_size, header
from kenspeckle.data.framing import decode_for, views, with_channels
from kenspeckle.data.listing import Place
from kenspeckle.data.place import read_place
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.thumbnails import thumbnail
from kenspeckle.errors import DataError, PictureError
from kenspeckle.processor import keep_freed_memory

MEMORY = 3 << 30  # bytes of address space, twice what the largest accepted picture needs
_START = 64 << 10  # bytes in which nearly every header lies


def main() -> None:
    """Decode until there are no more tasks."""
    setup = json.loads(sys.stdin.readline())
    _limit_memory()
    keep_freed_memory()
    work = _Looking(setup) if setup["work"] == "look" else _Decoding(setup)
    _say({"ready": True})
    for line in sys.stdin:
        task = json.loads(line)
        row, name, place = task["row"], task["name"], _place(task["place"])
        try:
            report = work.report(row, name, place)
        except PictureError as error:
            detail = str(error).removeprefix(f"{name}: ")
            report = {"reason": error.reason, "detail": detail}
        except DataError as error:  # ink finds none
            report = {"reason": "no-ink", "detail": str(error)}
        except MemoryError:
            detail = f"needs over {MEMORY >> 30} GiB of memory"
            report = {"reason": "too-large", "detail": detail}
        except OSError as error:  # of the cache: every other picture would fail too
            _say({"stop": f"pictures cannot be kept: {error.strerror or error}"})
            return
        _say({"row": row, **report})


def _place(values: list[Any]) -> Place:
    path, offset, size, unpacked, checksum = values
    return Place(path=path, offset=offset, size=size, unpacked=unpacked, checksum=checksum)


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


class _Looking:
    """Sizes and modes from the headers."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.max_pixels = setup["max_pixels"]

    def report(self, row: int, name: str, place: Place) -> dict[str, Any]:
        data = read_place(place, name=name, at_most=_START)
        try:
            found = header(data, name=name)
        except PictureError:
            if len(data) < _START:
                raise
            found = header(read_place(place, name=name), name=name)
        check_size((found.width, found.height), name, self.max_pixels)
        return asdict(found)


class _Decoding:
    """Pixels, in the size of the network's input."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.preprocess = PreprocessConfig(**setup["preprocess"])
        self.channels = setup["channels"]
        self.max_pixels = setup["max_pixels"]
        # without a file for them, pixels are decoded again when they are needed
        self.pixels = os.open(setup["pixels"], os.O_WRONLY) if setup["keep"] == "pixels" else None
        self.thumbnails = os.open(setup["thumbnails"], os.O_WRONLY)

    def report(self, row: int, name: str, place: Place) -> dict[str, Any]:
        data = read_place(place, name=name)
        picture = decode_for(data, self.preprocess, name=name, max_pixels=self.max_pixels)
        framed = self.frame(picture.pixels)
        pixels = framed.tobytes()
        if self.pixels is not None:
            _write(self.pixels, pixels, row)
        _write(self.thumbnails, thumbnail(picture.pixels).tobytes(), row)
        return {
            **asdict(picture.header),
            "notes": picture.notes,
            "sha256": hashlib.sha256(data).hexdigest(),
            "digest": hashlib.sha256(pixels).hexdigest()[:32],
        }

    def frame(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, C) in the size of the input."""
        framed: NDArray[np.uint8]
        if self.preprocess.kind == "ink":
            # only here, because it loads scipy, and processes should start at once
            from kenspeckle.data.preprocess import prepare

            (framed,) = prepare(pixels, self.preprocess, channels=self.channels)
        else:
            (framed,) = views(with_channels(pixels, self.channels), self.preprocess)
        return framed


def _write(file: int, data: bytes, row: int) -> None:
    written = os.pwrite(file, data, row * len(data))
    if written != len(data):
        raise OSError(f"only {written} of {len(data)} bytes could be written")


def _limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
