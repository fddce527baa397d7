"""What a process that computes does: pictures in, probabilities out, as `ken predict` does it."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.data.framing import decode_for, reach
from kenspeckle.data.picture_warnings import silenced
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.source_config import MAX_PIXELS
from kenspeckle.errors import DataError, KenspeckleError, ModelFileError
from kenspeckle.model_file import Classifier, from_bytes
from kenspeckle.models.heads import NumberHead
from kenspeckle.processor import cores, keep_freed_memory
from kenspeckle.serving.frames import Header, receive, send
from kenspeckle.serving.quick_network import quickest

DECODING = 0.5  # seconds after which what is not decoded yet waits for the next turn
_OWN_THUMBNAIL = 16 << 10  # bytes up to which a PNG or JPEG is its own thumbnail
_SHOWABLE = (b"\x89PNG", b"\xff\xd8")  # how PNG and JPEG begin
_SHOWN = 128  # pixels a side of a thumbnail
_MEMORY = 3 << 30  # bytes that decoding and computing may take beyond what loading took
_SMALL = 64 * 64  # pixels of an input below which a second thread takes longer to wake than to help


def read_model(name: str, descriptor: int) -> tuple[Classifier, str]:
    """The classifier in an open file, and the first 12 digits of the SHA-256 of the same bytes."""
    try:
        size = os.fstat(descriptor).st_size
        data = b"".join(iter_file(descriptor, size))
    except OSError as error:
        raise ModelFileError(f"{name}: cannot be read: {error.strerror or error}") from error
    return from_bytes(data, name=name), hashlib.sha256(data).hexdigest()[:12]


def iter_file(descriptor: int, size: int) -> Iterator[bytes]:
    """The bytes of an open file from its beginning, wherever others have read to."""
    at = 0
    while at < size and (piece := os.pread(descriptor, size - at, at)):
        at += len(piece)
        yield piece


def answer(order: Header, end: socket.socket, model: int) -> None:
    """Load the open file `model`, say what it is, and answer until the other side is gone."""
    keep_freed_memory()
    try:
        classifier, version = read_model(order["model"], model)
        torch.set_num_threads(1 if np.prod(classifier.shape[1:]) < _SMALL else _threads())
        torch.set_flush_denormal(True)
        network = quickest(classifier)
    except KenspeckleError as error:
        send(end, {"error": " ".join(str(error).split())})
        return
    limit_memory()
    gc.collect()
    gc.freeze()
    send(end, {"pid": os.getpid(), **_description(classifier, version)})
    with silenced():  # once, because it takes longer than much of what a picture needs
        while (message := receive(end)) is not None:
            header, payload = message
            items, rows, thumbnails = answers(classifier, network, header["items"], payload)
            send(end, {"items": items, "rows": rows.nbytes}, [rows.tobytes(), *thumbnails])


def _threads() -> int:
    """As many as `ken predict` would use: all cores, unless the user said otherwise."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isascii() and said.isdigit() and int(said) else cores()


def _description(classifier: Classifier, version: str) -> Header:
    return {
        "version": version,
        "class_names": classifier.class_names,
        "kind": classifier.preprocess.kind,
        "shape": classifier.shape,
        "task": classifier.task,
        "card": dict(classifier.card),
    }


def answers(
    classifier: Classifier,
    network: Callable[[NDArray[np.uint8]], torch.Tensor],
    items: list[Any],
    payload: memoryview,
) -> tuple[list[Header], NDArray[np.float32], list[bytes]]:
    """For each item `{}`, `{"error", "reason"}` or `{"later": true}`, and rows for the first kind.

    With them thumbnails, their lengths in the items, of pictures that do not serve as their own.
    An item is the length of an encoded picture, or `[length, height, width, channels]` of pixels.
    """
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
                check_enlargement(pixels, classifier)
            else:
                encoded = bytes(data)
                pixels = decode_for(encoded, classifier.preprocess, name="picture").pixels
            inputs.append(prepare(pixels, classifier.preprocess, channels=classifier.shape[0]))
            if not shape and (size > _OWN_THUMBNAIL or not encoded.startswith(_SHOWABLE)):
                thumbnails.append(thumbnail(pixels))
                note["thumbnail"] = len(thumbnails[-1])
        except DataError as error:
            text = str(error).removeprefix("picture: ")
            said.append({"error": text, "reason": getattr(error, "reason", "no-ink")})
        else:
            said.append(note)
    if not inputs:
        return said, np.empty((0, len(classifier.class_names)), np.float32), thumbnails
    given = network(np.concatenate(inputs) if len(inputs) > 1 else inputs[0])
    head = classifier.head
    shares = (head.logits(given) / classifier.temperature).softmax(dim=1)
    values = head.values(given) if isinstance(head, NumberHead) else None
    if len(shares) > len(inputs):  # several views of a picture: their mean answers
        counts = [len(views) for views in inputs]
        shares = torch.stack([views.mean(dim=0) for views in torch.split(shares, counts)])
        if values is not None:
            values = torch.stack([views.mean() for views in torch.split(values, counts)])
    if values is not None:
        used = [item for item in said if "error" not in item and "later" not in item]
        for item, value in zip(used, values.tolist(), strict=True):
            item["value"] = value
    rows: NDArray[np.float32] = shares.float().numpy()
    return said, rows, thumbnails


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, C) as a small JPEG."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((_SHOWN, _SHOWN))
    held = io.BytesIO()
    image.save(held, "JPEG", quality=80)
    return held.getvalue()


def check_enlargement(pixels: NDArray[np.uint8], classifier: Classifier) -> None:
    """Raise `DataError` for a strip of pixels that would be enlarged beyond measure."""
    height, width = pixels.shape[:2]
    at_least = reach(classifier.preprocess, height, width)
    if at_least and at_least[0] * at_least[1] > MAX_PIXELS:
        raise DataError(f"{width} x {height} pixels are too narrow a strip")


def limit_memory() -> None:
    """Bound what decoding and computing may take from here on."""
    with open("/proc/self/statm", encoding="ascii") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + _MEMORY, held + _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
