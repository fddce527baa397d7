"""What every layer makes of one picture, from the first to the last, in a single pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kenspeckle.data.evenly import evenly
from kenspeckle.explain.layers import HEAD, captured, evaluating, is_activation, pixels
from kenspeckle.explain.maps import as_maps


@dataclass(frozen=True, kw_only=True)
class LayerAnswer:
    """What one layer gives for one picture: maps (C, H, W), or numbers (C, 1, 1)."""

    layer: str
    maps: NDArray[np.float32]

    @property
    def is_numbers(self) -> bool:
        """Whether there is no place left in what it gives."""
        return self.maps.shape[1:] == (1, 1)

    @property
    def order(self) -> NDArray[np.int64]:
        """(C,) the strongest first; of equal ones the larger mean."""
        sizes = np.abs(self.maps)
        return np.lexsort((-sizes.mean(axis=(1, 2)), -sizes.max(axis=(1, 2))))


def walk(network: nn.Module, image: NDArray[np.uint8], *, most: int = 12) -> list[LayerAnswer]:
    """The answers of the activations to `image` (H, W, C), or of all layers where there is none.

    Of more than `most` layers those that lie evenly from the first to the last.
    """
    leaves = [(name, m) for name, m in network.named_modules() if name and not list(m.children())]
    chosen = [name for name, module in leaves if is_activation(module)]
    chosen = chosen or [name for name, _ in leaves if name != HEAD] or [HEAD]
    chosen = [chosen[place] for place in evenly(len(chosen), most)]
    given = pixels(image[np.newaxis], network)
    with evaluating(network), torch.inference_mode(), captured(network, chosen) as found:
        network(given)
    picture = (image.shape[0], image.shape[1])
    return [
        LayerAnswer(layer=name, maps=maps)
        for name, values in found.items()
        if (maps := _maps(values.float(), picture)) is not None
    ]


def _maps(values: torch.Tensor, picture: tuple[int, int]) -> NDArray[np.float32] | None:
    maps = as_maps(values, picture, count=1)
    if maps is None:
        if values.numel() != max(values.shape):
            return None
        maps = values.reshape(1, -1, 1, 1)
    return np.ascontiguousarray(maps[0].cpu().numpy())
