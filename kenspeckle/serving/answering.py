"""What a process that computes does: pictures in, probabilities out, as `ken predict` does it."""

from __future__ import annotations

import gc
import io
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.data.framing import decode_for, reach
from kenspeckle.data.picture_warnings import silenced
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import MAX_PIXELS
from kenspeckle.errors import DataError, KenspeckleError
from kenspeckle.processor import keep_freed_memory
from kenspeckle.serving.engine import Engine, load
from kenspeckle.serving.frames import TOGETHER, Header, receive, send

DECODING = 0.5  # seconds after which what is not decoded yet waits for the next turn
_OWN_THUMBNAIL = 16 << 10  # bytes up to which a PNG or JPEG is its own thumbnail
_SHOWABLE = (b"\x89PNG", b"\xff\xd8")  # how PNG and JPEG begin
_WARMING = 0.2  # seconds for batches of all sizes before the first request
_SHOWN = 128  # pixels a side of a thumbnail
LOADING = 60  # seconds
_MEMORY = 3 << 30  # bytes that decoding and computing may take beyond what loading took


def answer(order: Header, end: socket.socket, model: int) -> None:
    """Load the open file `model`, say what it is, and answer until the other side is gone."""
    keep_freed_memory()
    try:
        with bounded_loading(model):
            engine = load(order["model"], model)
            seconds = _seconds(engine)
    except KenspeckleError as error:
        send(end, {"error": " ".join(str(error).split())})
        return
    limit_memory()
    gc.collect()
    gc.freeze()
    send(end, {"pid": os.getpid(), "seconds": seconds, **_facts(engine)})
    with silenced():  # once, because it takes longer than much of what a picture needs
        while (message := receive(end)) is not None:
            header, payload = message
            items, rows, thumbnails = answers(engine, header["items"], payload)
            send(end, {"items": items, "rows": rows.nbytes}, [rows.tobytes(), *thumbnails])


def _seconds(engine: Engine) -> float:
    """That a small picture takes, once all that is loaded late is there.

    The memory of batches of all sizes is taken too, as far as they are quick; later it would seem
    to leak.
    """
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:16] = 255
    held = io.BytesIO()
    Image.fromarray(bar).save(held, "PNG")
    picture = held.getvalue()
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        answers(engine, [len(picture)], memoryview(picture))
        taken.append(time.perf_counter() - began)
    channels, height, width = engine.description.shape
    until = time.monotonic() + _WARMING
    for count in range(int(min(TOGETHER, _WARMING / min(taken))), 0, -1):
        engine.run(np.zeros((count, height, width, channels), np.uint8))
        if time.monotonic() > until:
            break
    return min(taken)


def _facts(engine: Engine) -> Header:
    about = engine.description
    return {
        "version": engine.version,
        "class_names": about.class_names,
        "kind": about.preprocess.kind,
        "shape": about.shape,
        "task": about.task,
        "card": dict(engine.card),
    }


def answers(
    engine: Engine, items: list[Any], payload: memoryview
) -> tuple[list[Header], NDArray[np.float32], list[bytes]]:
    """For each item `{}`, `{"error", "reason"}` or `{"later": true}`, and rows for the first kind.

    With them thumbnails, their lengths in the items, of pictures that do not serve as their own.
    An item is the length of an encoded picture, or `[length, height, width, channels]` of pixels.
    """
    preprocess, channels = engine.description.preprocess, engine.description.shape[0]
    said: list[Header] = []
    inputs: list[NDArray[np.uint8]] = []
    thumbnails: list[bytes] = []
    until, start = time.monotonic() + DECODING, 0
    for item in items:
        size, *shape = item if isinstance(item, list) else [item]
        data, start = payload[start : start + size], start + size
        if said and time.monotonic() > until:
            said.append({"later": True})
            continue
        note: Header = {}
        try:
            if shape:
                pixels = np.frombuffer(data, np.uint8).reshape(shape)
                check_enlargement(pixels, preprocess)
            else:
                encoded = bytes(data)
                pixels = decode_for(encoded, preprocess, name="picture").pixels
            inputs.append(prepare(pixels, preprocess, channels=channels))
            if not shape and (size > _OWN_THUMBNAIL or not encoded.startswith(_SHOWABLE)):
                thumbnails.append(thumbnail(pixels))
                note["thumbnail"] = len(thumbnails[-1])
        except DataError as error:
            text = str(error).removeprefix("picture: ")
            said.append({"error": text, "reason": getattr(error, "reason", "no-ink")})
        else:
            said.append(note)
    if not inputs:
        return said, np.empty((0, len(engine.description.class_names)), np.float32), thumbnails
    rows, values = engine.run(np.concatenate(inputs) if len(inputs) > 1 else inputs[0])
    if len(rows) > len(inputs):  # several views of a picture: their mean answers
        ends = np.cumsum([len(views) for views in inputs])[:-1]
        rows = np.stack([views.mean(axis=0) for views in np.split(rows, ends)])
        if values is not None:
            values = np.stack([views.mean() for views in np.split(values, ends)])
    if values is not None:
        used = [item for item in said if "error" not in item and "later" not in item]
        for item, value in zip(used, values.tolist(), strict=True):
            item["value"] = value
    return said, rows, thumbnails


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, C) as a small JPEG."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((_SHOWN, _SHOWN))
    held = io.BytesIO()
    image.save(held, "JPEG", quality=80)
    return held.getvalue()


def check_enlargement(pixels: NDArray[np.uint8], preprocess: PreprocessConfig) -> None:
    """Raise `DataError` for a strip of pixels that would be enlarged beyond measure."""
    height, width = pixels.shape[:2]
    at_least = reach(preprocess, height, width)
    if at_least and at_least[0] * at_least[1] > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels are too narrow a strip")


@contextmanager
def bounded_loading(model: int) -> Iterator[None]:
    """End this process where loading the open file `model` takes too long; bound its memory.

    The library that loads is a large program in C++, and the file may come from a stranger.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    signal.alarm(LOADING)
    bound = _within(_held() + _MEMORY + 3 * os.fstat(model).st_size)
    resource.setrlimit(resource.RLIMIT_AS, (bound, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.alarm(0)


def limit_memory() -> None:
    """Bound what decoding and computing may take from here on."""
    bound = _within(_held() + _MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _within(bound: int) -> int:
    """`bound`, or what the user has set, where that is less."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return bound if soft == resource.RLIM_INFINITY else min(bound, soft)


def _held() -> int:
    """Bytes of addresses of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
