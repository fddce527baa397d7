"""A process that decodes pictures and nothing else, so that a hostile file can harm nothing else.

`decoders` starts it. Tasks come in and reports go out as lines of JSON; pixels go straight into
the files of the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle import config
from kenspeckle.data.decode import header
from kenspeckle.data.framing import decode_for, views, with_channels
from kenspeckle.data.listing import Place
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.thumbnails import thumbnail
from kenspeckle.errors import DataError, PictureError

MAX_BYTES = 512 << 20  # of one picture file
MEMORY = 3 << 30  # bytes of address space, twice what the largest accepted picture needs
_START = 64 << 10  # bytes in which nearly every header lies


def main() -> None:
    """Decode until there are no more tasks."""
    setup = json.loads(sys.stdin.readline())
    _limit_memory()
    work = _Looking(setup) if setup["work"] == "look" else _Decoding(setup)
    _say({"ready": True})
    for line in sys.stdin:
        task = json.loads(line)
        row, name, place = task["row"], task["name"], Place(**task["place"])
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
        if found.width * found.height > self.max_pixels:
            detail = (
                f"{found.width} x {found.height} pixels, at most {self.max_pixels:,} are accepted"
            )
            return {"reason": "too-large", "detail": detail}
        return asdict(found)


class _Decoding:
    """Pixels, in the size of the network's input."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.preprocess = config.from_dict(PreprocessConfig, setup["preprocess"])
        self.channels = setup["channels"]
        self.max_pixels = setup["max_pixels"]
        self.pixels = os.open(setup["pixels"], os.O_WRONLY)
        self.thumbnails = os.open(setup["thumbnails"], os.O_WRONLY)

    def report(self, row: int, name: str, place: Place) -> dict[str, Any]:
        data = read_place(place, name=name)
        picture = decode_for(data, self.preprocess, name=name, max_pixels=self.max_pixels)
        framed = self.frame(picture.pixels)
        _write(self.pixels, framed.tobytes(), row)
        _write(self.thumbnails, thumbnail(picture.pixels).tobytes(), row)
        return {
            **asdict(picture.header),
            "notes": picture.notes,
            "sha256": hashlib.sha256(data).hexdigest(),
            "digest": hashlib.blake2b(framed.tobytes(), digest_size=16).hexdigest(),
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


def read_place(place: Place, *, name: str, at_most: int = MAX_BYTES + 1) -> bytes:
    """The bytes at `place`, unpacked; raise `PictureError` where they cannot be had."""
    try:
        # a pipe put there in the meantime must not make us wait
        descriptor = os.open(place.path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PictureError(f"{name}: no regular file", reason="special")
            file.seek(place.offset)
            wanted = at_most if place.size < 0 or place.unpacked >= 0 else min(place.size, at_most)
            data = file.read(place.size) if place.unpacked >= 0 else file.read(wanted)
    except FileNotFoundError as error:
        raise PictureError(f"{name}: is gone", reason="missing") from error
    except OSError as error:
        raise PictureError(
            f"{name}: cannot be read: {error.strerror or error}", reason="unreadable"
        ) from error
    if place.unpacked >= 0:
        data = _inflated(data, place.unpacked, name, at_most)
    elif place.size > len(data) and len(data) < at_most:
        raise PictureError(f"{name}: its file is cut short", reason="truncated")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name}: over {MAX_BYTES >> 20} MiB", reason="too-large")
    return data


def _inflated(data: bytes, size: int, name: str, at_most: int) -> bytes:
    try:
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, min(size, at_most) + 1)
    except zlib.error as error:
        raise PictureError(f"{name}: damaged in its archive: {error}", reason="damaged") from error
    if len(plain) != size and len(plain) <= at_most:
        raise PictureError(
            f"{name}: {len(plain):,} bytes in its archive, which says {size:,}", reason="damaged"
        )
    return plain


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
