"""What the second process does: it looks into the network, so that predictions need not wait."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from kenspeckle.errors import KenspeckleError
from kenspeckle.processor import keep_freed_memory
from kenspeckle.serving.answering import bounded_loading, limit_memory
from kenspeckle.serving.engine import load, read_file, version_of
from kenspeckle.serving.frames import Header, receive, send
from kenspeckle.serving.library import library_of

if TYPE_CHECKING:
    from kenspeckle.serving.insight import Insight
    from kenspeckle.serving.onnx_insight import OnnxInsight

_POLITENESS = 10  # of 19: predictions come first


def explain(order: Header, end: socket.socket, model: int) -> None:
    """Load the open file `model` and explain pictures until the other side is gone."""
    os.nice(_POLITENESS)
    keep_freed_memory()
    try:
        with bounded_loading(model):
            insight, version = _insight(order, model)
    except KenspeckleError as error:
        send(end, {"error": _line(error)})
        return
    limit_memory()
    send(end, {"pid": os.getpid(), "version": version})
    while (message := receive(end)) is not None:
        asked, picture = message
        options = {"parts": tuple(asked["parts"])} if asked["parts"] else {}
        try:
            told = insight.of(bytes(picture), label=asked["label"], **options)
        except KenspeckleError as error:
            told = {"error": _line(error)}
        send(end, told)


def _insight(order: Header, model: int) -> tuple[Insight | OnnxInsight, str]:
    """Who looks, and the version of the model."""
    name = order["model"]
    if library_of(name) == "onnx":
        from kenspeckle.serving.onnx_insight import OnnxInsight

        engine = load(name, model, threads=1)  # predictions come first
        return OnnxInsight(engine), engine.version
    import torch

    from kenspeckle.model_file import from_bytes
    from kenspeckle.serving.insight import Insight

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    data = read_file(name, model)
    run = Path(order["run"]) if order["run"] else None
    return Insight(from_bytes(data, name=name), run), version_of(data)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).removeprefix("picture: ")
