"""One vector for each picture: what a layer makes of it, maps and tokens averaged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.data.images import Images
from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.explain.layers import HEAD, evaluating, hidden_layer, layer_names, pixels
from kenspeckle.explain.maps import unit_axis

_BATCH = 500  # pictures of 28 x 28 at a time; of larger ones fewer


def vectors(network: nn.Module, images: Images, layer: str) -> NDArray[np.float32]:
    """(N, D) that `layer` makes of `images` (N, H, W, C); the mean of each map of a convolution.

    Raises `ConfigError` for an unknown layer and for one that gives no numbers.
    """
    modules = dict(network.named_modules())
    if layer not in modules or not layer:
        raise ConfigError(unknown_name("layer", layer, layer_names(network)))
    kept: list[NDArray[np.float32]] = []
    picture = (images.shape[1], images.shape[2])

    def keep(_module: nn.Module, _given: Any, made: Any) -> None:
        if not isinstance(made, Tensor) or made.ndim not in (2, 3, 4):
            raise ConfigError(f"layer {layer} gives no vector for a picture; choose one inside it")
        made = made.float()
        if made.ndim == 4:
            made = made.movedim(unit_axis(tuple(made.shape), picture), 1).mean(dim=(2, 3))
        elif made.ndim == 3:
            made = made.mean(dim=1)
        kept.append(made.cpu().numpy())

    hook = modules[layer].register_forward_hook(keep)
    size = batch_size(images)
    try:
        with evaluating(network), torch.inference_mode():
            for start in range(0, len(images), size):
                network(pixels(np.asarray(images[start : start + size]), network))
    finally:
        hook.remove()
    return np.concatenate(kept)


def before_head(network: nn.Module, images: Images) -> str:
    """The layer whose vector the last one decides by; one picture of `images` tells which it is."""
    made_by: dict[int, str] = {}
    alive: list[Any] = []  # so that no two tensors share an id
    given_to_head: list[int] = []

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _given: Any, made: Any) -> None:
            alive.append(made)
            made_by.setdefault(id(made), name)  # dropout hands on what it is given

        return hook

    modules = dict(network.named_modules())
    leaves = {name: m for name, m in modules.items() if name and not list(m.children())}
    hooks = [module.register_forward_hook(keep(name)) for name, module in leaves.items()]
    hooks.append(
        modules[HEAD].register_forward_pre_hook(
            lambda _m, given: given_to_head.append(id(given[0]))
        )
    )
    try:
        with evaluating(network), torch.inference_mode():
            network(pixels(np.asarray(images[:1]), network))
    finally:
        for hook in hooks:
            hook.remove()
    return made_by.get(given_to_head[0]) or hidden_layer(network)


def batch_size(images: Images) -> int:
    """Pictures at a time: of large ones fewer, since layers need a hundred times their bytes."""
    size: int = _BATCH * 28 * 28 // math.prod(images.shape[1:])
    return max(16, min(_BATCH, size))
