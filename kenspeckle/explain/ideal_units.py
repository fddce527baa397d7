"""Ideal pictures of units: what a channel of a convolution or one dense unit likes best.

(Erhan et al. 2009; Olah et al. 2017.) Of an activation what it is given is raised, because a unit
that is switched off has no gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.data.images import Images
from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.explain.layers import is_activation, layer_names, pixels
from kenspeckle.explain.maps import unit_axis
from kenspeckle.explain.picture_descent import (
    IdealInputsConfig,
    as_bytes,
    descend,
    held,
    usual_config,
)
from kenspeckle.explain.vectors import batch_size
from kenspeckle.figures import ideal_inputs as drawing
from kenspeckle.figures.drawable import Drawable

_UNIT_CONFIG = IdealInputsConfig(l2=0.01, total_variation=0.005, steps=150, jitter=1)


@dataclass(frozen=True, kw_only=True)
class IdealUnits(Drawable):
    """One picture for each of some units of a layer."""

    config: IdealInputsConfig
    layer: str
    units: tuple[int, ...]
    images: NDArray[np.uint8]  # (n, H, W, C), as the units like them
    reached: NDArray[np.float64]  # (n,) mean of the unit over its map, before the activation
    strongest: NDArray[np.float64] | None  # (n,) of the pictures that it was compared with
    compared: int  # with how many pictures

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Ideal pictures of units in layer {self.layer}"

    @property
    def description(self) -> str:
        """How far beyond real pictures they go."""
        text = (
            f"Each picture was found by {self.config.steps} steps with {self.config.words} and "
            "excites one unit; contrast is stretched."
        )
        if self.strongest is None:
            return text
        beyond = int((self.reached > self.strongest).sum())
        return (
            f"{text} {beyond} of {len(self.units)} excite their unit more than any of "
            f"{self.compared:,} real pictures does: they lie outside of what it ever sees."
        )

    def figure(self) -> Figure:
        """The pictures with the numbers of their units."""
        return drawing.ideal_units(self)


def ideal_units(
    network: nn.Module,
    layer: str,
    units: Sequence[int],
    *,
    shape: tuple[int, int, int],
    config: IdealInputsConfig | None = None,
    compare: Images | None = None,
) -> IdealUnits:
    """The ideal pictures, (C, H, W) = `shape`, of the `units` of `layer`, counted from 0.

    `compare` are pictures (N, H, W, C) that say how strongly real ones excite the units. Raises
    `ConfigError` for an unknown layer, a unit that it does not have, or no unit.
    """
    usual = usual_config(shape)
    config = config or (usual if usual.space == "frequencies" else _UNIT_CONFIG)
    device = next(network.parameters()).device
    numbers = torch.tensor(list(units), dtype=torch.int64, device=device)
    rows = torch.arange(len(numbers), device=device)
    with held(network), _excited(network, layer, shape[1:]) as found:
        network(torch.zeros(1, *shape, device=device))
        width = found[-1].shape[1]
        wrong = [unit for unit in units if not 0 <= unit < width]
        if wrong or not len(units):
            asked = f"unit {wrong[0]}" if wrong else "no unit"
            raise ConfigError(f"layer {layer} has units 0 to {width - 1}, got {asked}")
        noise = torch.rand(16, *shape, generator=torch.Generator().manual_seed(0)).to(device)
        network(noise * 255)
        scale = float(found[-1].std()) or 1.0  # so that penalties weigh alike in every layer

        def loss(pictures: Tensor) -> Tensor:
            network(pictures * 255)
            return -found[-1][rows, numbers].sum() / scale

        images = as_bytes(descend(loss, len(units), shape, config, device))
        with torch.no_grad():
            network(pixels(images, network))
            reached = found[-1][rows, numbers]
            strongest = None if compare is None else _strongest(network, compare, numbers, found)
    return IdealUnits(
        config=config,
        layer=layer,
        units=tuple(units),
        images=images,
        reached=reached.double().cpu().numpy(),
        strongest=strongest,
        compared=0 if compare is None else len(compare),
    )


def _strongest(
    network: nn.Module, images: Images, units: Tensor, found: list[Tensor]
) -> NDArray[np.float64]:
    size, highest = batch_size(images), []
    for start in range(0, len(images), size):
        network(pixels(np.asarray(images[start : start + size]), network))
        highest.append(found[-1][:, units].amax(dim=0))
    return torch.stack(highest).amax(dim=0).double().cpu().numpy()


@contextmanager
def _excited(network: nn.Module, layer: str, picture: tuple[int, int]) -> Iterator[list[Tensor]]:
    """Collect in a list of one what the units of `layer` say, (N, units), maps averaged."""
    modules = dict(network.named_modules())
    if layer not in modules or not layer:
        raise ConfigError(unknown_name("layer", layer, layer_names(network)))
    found: list[Tensor] = []

    def keep(said: Any) -> None:
        if not isinstance(said, Tensor) or said.ndim not in (2, 3, 4):
            raise ConfigError(f"layer {layer} gives no vector for a picture; choose one inside it")
        units = said.float().movedim(unit_axis(tuple(said.shape), picture), 1)
        found[:] = [units.flatten(2).mean(dim=2) if units.ndim > 2 else units]

    module = modules[layer]
    if is_activation(module):
        hook = module.register_forward_pre_hook(lambda _m, given: keep(given[0]))
    else:
        hook = module.register_forward_hook(lambda _m, _g, made: keep(made))
    try:
        yield found
    finally:
        hook.remove()
