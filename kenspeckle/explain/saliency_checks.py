"""Does a map depend on what the network has learned? Randomise its weights (Adebayo 2018).

From the last layer to the first the weights of each layer are shuffled, and those of the layers
behind it stay so. A map that hardly changes shows the picture and explains nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import nn

from kenspeckle.device import generator
from kenspeckle.explain.attribution import Method, SaliencyConfig
from kenspeckle.explain.layers import pixels
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.saliency import Saliency, Targets, saliency
from kenspeckle.explain.subject import network_of
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.saliency import spoken
from kenspeckle.figures.saliency_checks import sanity_rows
from kenspeckle.model_file import Classifier

ALIKE, UNLIKE = 0.7, 0.3  # rank correlations from and up to which the verdict is clear


@dataclass(frozen=True, kw_only=True)
class SanityCheck(Drawable):
    """The maps of one method while more and more of the network is random."""

    original: Saliency
    layers: tuple[str, ...]  # S names: the layer down to which the weights are random, last first
    maps: NDArray[np.float32]  # (S, N, H, W)
    correlations: NDArray[np.float64]  # (S, N) of ranks of absolute values with the original

    @property
    def remaining(self) -> float:
        """Mean correlation with the original when all weights are random."""
        return float(self.correlations[-1].mean())

    @property
    def passes(self) -> bool:
        """Whether the maps depend on the weights, at least in part."""
        return self.remaining < ALIKE

    @property
    def verdict(self) -> str:
        """What follows, in words with the numbers."""
        last = self.correlations[-1]
        spread = f" (standard deviation {last.std():.2f})" if len(last) > 1 else ""
        number = f"rank correlation {last.mean():.2f}{spread}, n={len(last)}"
        name = f"The method {spoken(self.original.method)}"
        if self.remaining >= ALIKE:
            return (
                f"{name} does not depend on the weights: with all of them random the maps are "
                f"still alike ({number}); they show the picture, not what was learned"
            )
        if self.remaining > UNLIKE:
            return (
                f"{name} depends on the weights in part: with all of them random the maps are "
                f"still somewhat alike ({number}); the picture itself shows through"
            )
        return f"{name} depends on the weights: with all of them random the maps differ ({number})"

    @property
    def title(self) -> str:
        """Names the method."""
        return f"Maps of random weights: {spoken(self.original.method)}"

    @property
    def description(self) -> str:
        """What was done, and the verdict."""
        return (
            "The weights are shuffled from the last layer to the first; beside the maps is their "
            f"rank correlation with those of the trained network. {self.verdict}."
        )

    def figure(self) -> Figure:
        """A row for each stage."""
        return sanity_rows(self)


def sanity_check(
    model: nn.Module | Classifier,
    images: NDArray[np.uint8],
    *,
    method: str | Method,
    target: Targets = None,
    config: SaliencyConfig | None = None,
    stages: int = 6,
) -> SanityCheck:
    """Compare the maps of `method` with those of networks that are random from some layer on.

    The layers are randomised in at most `stages` groups; `model` itself stays as it is.
    """
    config = config or SaliencyConfig()
    if method == "grad-cam" and not config.layer:
        network = network_of(model)
        config = replace(config, layer=last_maps(network, pixels(images[:1], network)))
    original = saliency(model, images, method=method, target=target, config=config)
    names, maps, correlations = [], [], []
    for name, spoiled in _cascade(model, stages=stages, seed=config.seed):
        found = saliency(
            spoiled, images, method=method, target=original.targets, config=config
        ).maps
        names.append(name)
        maps.append(found)
        correlations.append([_alike(a, b) for a, b in zip(original.maps, found, strict=True)])
    return SanityCheck(
        original=original,
        layers=tuple(names),
        maps=np.stack(maps),
        correlations=np.array(correlations),
    )


def _cascade(
    model: nn.Module | Classifier, *, stages: int, seed: int
) -> Iterator[tuple[str, nn.Module | Classifier]]:
    """Copies of `model`, each with more layers whose weights are shuffled, from the last on.

    Shuffled weights have the size of the trained ones, so that the outputs neither vanish nor
    explode as those of freshly drawn weights between trained norms may.
    """
    network = copy.deepcopy(network_of(model))
    spoiled: nn.Module | Classifier = network
    if isinstance(model, Classifier):
        spoiled = replace(model, network=network)
    layers = [
        (name, module)
        for name, module in reversed(list(network.named_modules()))
        if list(module.parameters(recurse=False))
    ]
    for group in np.array_split(np.arange(len(layers)), min(stages, len(layers))):
        for index in group:
            name, module = layers[index]
            for part, values in module.named_parameters(recurse=False):
                order = torch.randperm(
                    values.numel(), generator=generator(seed, "sanity check", name, part)
                )
                shuffled = values.detach().flatten()[order.to(values.device)].view(values.shape)
                values.data = shuffled.clone(memory_format=torch.preserve_format)
        yield layers[group[-1]][0], spoiled


def _alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Spearman's rank correlation of the absolute values; 0 where one map is flat.

    Pixels that are zero in both do not count: nothing could be there, whatever the weights, in a
    margin that the network crops or, times the input, on black paper.
    """
    counts = (first != 0) | (second != 0)
    ranks = [rankdata(np.abs(values[counts])) for values in (first, second)]
    if any(len(values) < 2 or values.std() == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
