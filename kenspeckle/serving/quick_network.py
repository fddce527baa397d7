"""The network without the cost of its Python: traced, where its answers stay the same.

A small network spends more time between its layers than in them. The trace is used only if it
agrees with the network on pictures of several kinds and batch sizes, and is quicker.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle.inference import outputs
from kenspeckle.model_file import Classifier

Network = Callable[[NDArray[np.uint8]], torch.Tensor]
_AGREEMENT = 2e-7  # of probabilities; served ones may be 1e-6 from those of `ken predict`
_LARGE = 128 * 128  # pixels of an input; beyond it layers take so long that the rest is nothing
_BATCHES = (1, 7)
_AT_ONCE = 64  # pictures; bounds the memory


def quickest(classifier: Classifier) -> Network:
    """From pictures (N, H, W, C) to outputs (N, outputs), as `inference.outputs` gives them."""

    def plain(images: NDArray[np.uint8]) -> torch.Tensor:
        return outputs(classifier.network, images)

    def singly(images: NDArray[np.uint8]) -> torch.Tensor:
        return torch.cat([plain(images[row : row + 1]) for row in range(len(images))])

    channels, height, width = classifier.shape
    if height * width > _LARGE:
        # together they are hardly quicker, and an answer would depend on its neighbours by 1e-6
        singly(np.zeros((1, height, width, channels), np.uint8))
        return singly
    traced = _traced(classifier)
    if traced is None or not _agrees(classifier, traced):
        return plain
    one = _probes(classifier, 1)[0]
    return traced if shortest(traced, one, calls=20) < shortest(plain, one, calls=20) else plain


def warm_up() -> None:
    """Load what tracing needs, which takes a second, before a process is forked."""
    torch.set_num_threads(1)
    network = torch.nn.Conv2d(1, 1, 1).requires_grad_(False)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.jit.trace(network, torch.zeros(1, 1, 2, 2))(torch.zeros(1, 1, 2, 2))  # type: ignore[no-untyped-call]


def _traced(classifier: Classifier) -> Network | None:
    channels, height, width = classifier.shape
    example = torch.rand(2, height, width, channels).mul(255).permute(0, 3, 1, 2)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing warns of sizes that become constants: probed
        try:
            # not frozen: that folds normalisation into weights, which moves answers by 5e-7
            graph = torch.jit.trace(classifier.network, example, check_trace=False)  # type: ignore[no-untyped-call]
        except RuntimeError:  # it branches on what it sees
            return None

    def run(images: NDArray[np.uint8]) -> torch.Tensor:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(images), _AT_ONCE):
                batch = torch.from_numpy(images[start : start + _AT_ONCE]).permute(0, 3, 1, 2)
                parts.append(graph(batch.float()))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    return run


def _probes(classifier: Classifier, count: int) -> list[NDArray[np.uint8]]:
    channels, height, width = classifier.shape
    rng = np.random.default_rng(count)
    size = (count, height, width, channels)
    noise = rng.integers(0, 256, size)
    coarse = rng.integers(0, 256, (count, -(-height // 4), -(-width // 4), channels))
    blocks = np.kron(coarse, np.ones((1, 4, 4, 1)))[:, :height, :width]
    strokes = np.where(blocks > 190, blocks, 0)
    kinds = (noise, blocks, strokes, noise // 16, np.zeros(size))
    return [kind.astype(np.uint8) for kind in kinds]


def _agrees(classifier: Classifier, network: Network) -> bool:
    for count in _BATCHES:
        for images in _probes(classifier, count):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    said = network(images)
                except RuntimeError:
                    return False
            shares = [
                (classifier.head.logits(given) / classifier.temperature).softmax(dim=1)
                for given in (said, outputs(classifier.network, images))
            ]
            if not (shares[0] - shares[1]).abs().max() <= _AGREEMENT:
                return False
    return True


def shortest(network: Network, images: NDArray[np.uint8], *, calls: int) -> float:
    """Seconds of the quickest of several calls; the first are slower."""
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        network(images)
        taken.append(time.perf_counter() - start)
    return min(taken)
