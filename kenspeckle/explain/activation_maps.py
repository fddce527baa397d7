"""Activation maps: where in a picture each filter of a layer answers, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.explain.layers import activations
from kenspeckle.explain.maps import as_maps
from kenspeckle.explain.subject import check_pictures, network_of
from kenspeckle.figures.activation_maps import activation_grid
from kenspeckle.figures.drawable import Drawable
from kenspeckle.model_file import Classifier


@dataclass(frozen=True, kw_only=True)
class ActivationMaps(Drawable):
    """What every filter of one layer gives for some pictures."""

    layer: str
    images: NDArray[np.uint8]  # (N, H, W, C)
    maps: NDArray[np.float32]  # (N, C', H', W')

    @property
    def strengths(self) -> NDArray[np.float32]:
        """(N, C') the largest absolute value of each map."""
        found: NDArray[np.float32] = np.abs(self.maps).max(axis=(2, 3))
        return found

    @property
    def order(self) -> NDArray[np.int64]:
        """(N, C') channels of each picture, the strongest first; of equal ones the larger mean."""
        means = np.abs(self.maps).mean(axis=(2, 3))
        return np.lexsort((-means, -self.strengths), axis=1)

    @property
    def silent(self) -> NDArray[np.int64]:
        """(N,) how many maps of each picture are above zero nowhere."""
        found: NDArray[np.int64] = (self.maps.max(axis=(2, 3)) <= 0).sum(axis=1)
        return found

    @property
    def title(self) -> str:
        """Names the layer."""
        return f"Maps of layer {self.layer}"

    @property
    def description(self) -> str:
        """How many maps, how large, how many answer."""
        count, channels, height, width = self.maps.shape
        of = "this picture" if count == 1 else f"these {count} pictures (mean)"
        signs = "red is above zero, blue below; " if self.maps.min() < 0 else ""
        return (
            f"{channels} maps of {height} x {width}; {channels - self.silent.mean():.3g} of them "
            f"answer somewhere to {of}. The strongest are first, by their number in the layer; "
            f"{signs}one scale of colours for each picture."
        )

    def figure(self) -> Figure:
        """Each picture beside its strongest maps."""
        return activation_grid(self)


def activation_maps(
    model: nn.Module | Classifier, images: NDArray[np.uint8], layer: str
) -> ActivationMaps:
    """The maps of `layer` for `images` (N, H, W, C) of the size of the input.

    Tokens of transformers become maps of their places. Raises `ConfigError` for an unknown layer
    and for one without maps.
    """
    check_pictures(model, images)
    values = activations(network_of(model), images, layer)
    picture = (images.shape[1], images.shape[2])
    maps = as_maps(torch.from_numpy(values), picture, count=len(images))
    if maps is None:
        raise ConfigError(
            f"layer {layer!r} gives {' x '.join(map(str, values.shape[1:]))} numbers for a "
            "picture and no maps; name a convolution or what follows one"
        )
    return ActivationMaps(layer=layer, images=images, maps=np.ascontiguousarray(maps.numpy()))
