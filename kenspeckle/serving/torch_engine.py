"""A `model.safetensors` at work, as `ken predict` has it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle.description import Description
from kenspeckle.model_file import from_bytes
from kenspeckle.models.heads import NumberHead
from kenspeckle.processor import threads_for
from kenspeckle.serving.engine import Engine, version_of
from kenspeckle.serving.quick_network import Network, quickest, shortest


def engine_of(data: bytes, *, name: str, threads: int = 0) -> Engine:
    """What `data` holds, in the quickest form; `ModelFileError`, which begins with `name`."""
    classifier = from_bytes(data, name=name)
    description = classifier.description
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads or threads_for(*description.shape[1:]))
    network, head = quickest(classifier), classifier.head
    _settle_threads(network, description)

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        given = network(images)
        shares = (head.logits(given) / classifier.temperature).softmax(dim=1)
        values = head.values(given).numpy() if isinstance(head, NumberHead) else None
        return shares.numpy(), values

    return Engine(description=description, card=classifier.card, version=version_of(data), run=run)


def _settle_threads(network: Network, description: Description) -> None:
    """Compute on one thread where more are slower: they sleep between layers, and must wake."""
    channels, height, width = description.shape
    blank = np.zeros((1, height, width, channels), np.uint8)
    several = torch.get_num_threads()
    if several == 1:
        return
    together = shortest(network, blank, calls=5)
    torch.set_num_threads(1)
    if together < shortest(network, blank, calls=5):
        torch.set_num_threads(several)
