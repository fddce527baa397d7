"""One module from decoded pictures to probabilities: all that a model file says, in a row."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from kenspeckle.errors import LIBRARY_FAILURES, ModelFileError
from kenspeckle.exporting.pixels import Pixels
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import NumberHead


@dataclass(frozen=True, kw_only=True)
class Traced:
    """The program of a model, and how what it takes is to be described."""

    program: ExportedProgram
    note: str  # for people: what the file takes, where that is not every picture


class PicturesToProbabilities(nn.Module):
    """(N, H, W, 1 or 3) uint8 to (N, K); with a number head also the number (N,)."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.pixels = Pixels(classifier.preprocess, channels=classifier.shape[0])
        self.network = classifier.network
        self.head = classifier.head
        self.temperature = classifier.temperature
        if isinstance(self.head, NumberHead):
            _ = self.head.scale  # computed here, so that the graph holds two numbers

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """Each view is answered; the answers to the views of a picture are averaged."""
        given = self.network(self.pixels(pictures))
        shares = (self.head.logits(given) / self.temperature).softmax(dim=1)
        found = [self._mean(shares)]
        if isinstance(self.head, NumberHead):
            found.append(self._mean(self.head.values(given)[:, None])[:, 0])
        return tuple(found)

    def _mean(self, answers: Tensor) -> Tensor:
        """(views * N, n) to (N, n)."""
        views = self.pixels.views
        if views == 1:
            return answers
        return answers.reshape(views, -1, answers.shape[1]).mean(dim=0)


def trace(classifier: Classifier, *, name: str) -> Traced:
    """Follow a model on two pictures of odd sizes; sizes stay free.

    Raises `ModelFileError`, which begins with `name`, for a network that cannot be followed.
    """
    channels, height, width = classifier.shape
    module = PicturesToProbabilities(classifier).eval()
    # a size of 1, or two that are equal, would be taken for granted
    shape, note = (2, 2 * height + 5, 2 * width + 11, 3), ""
    sizes = {0: Dim("N"), 1: Dim("H"), 2: Dim("W"), 3: Dim("C", min=1, max=3)}
    if classifier.preprocess.kind == "ink":
        shape, sizes = (2, height, width, channels), {0: Dim("N")}
        note = (
            f"it takes digits in the form of MNIST, (N, {height}, {width}, {channels}): finding "
            "and centring the ink is no part of it; `ken predict` does that before it"
        )
    pictures = torch.zeros(shape, dtype=torch.uint8)
    try:
        with quiet():
            program = torch.export.export(
                module, (pictures,), dynamic_shapes=(sizes,), strict=False
            )
    except LIBRARY_FAILURES as error:
        raise ModelFileError(
            f"{name}: a network of the family {classifier.architecture.name} cannot be exported "
            f"as a graph: {' '.join(str(error).split())[:200]}"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the paths of this machine
    return Traced(program=program, note=note)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch says of its own work."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
