"""What the second process does: it looks into the network, so that predictions need not wait."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import torch

from kenspeckle.errors import KenspeckleError
from kenspeckle.processor import keep_freed_memory
from kenspeckle.serving.answering import limit_memory, read_model
from kenspeckle.serving.frames import Header, receive, send
from kenspeckle.serving.insight import Insight

_POLITENESS = 10  # of 19: predictions come first


def explain(order: Header, end: socket.socket, model: int) -> None:
    """Load the open file `model` and explain pictures until the other side is gone."""
    os.nice(_POLITENESS)
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    run = Path(order["run"]) if order["run"] else None
    try:
        classifier, version = read_model(order["model"], model)
        insight = Insight(classifier, run)
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


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).removeprefix("picture: ")
