"""Maps: what a layer gives for each place of a picture, whatever the layout of its output."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kenspeckle.errors import ConfigError
from kenspeckle.explain.layers import captured, differentiable, evaluating

_EXTRA = (0, 1, 2, 5)  # tokens before those of the places: for the class, to distil, registers


def unit_axis(shape: tuple[int, ...], picture: tuple[int, int]) -> int:
    """Which axis of an output of `shape` (N, ...) counts units, for a `picture` of (H, W).

    Maps are (N, C, H, W) or, as some transformers have them, (N, H, W, C): the two axes whose
    sides are as those of the picture are the places.
    """
    if len(shape) != 4:
        return max(1, len(shape) - 1)
    ratio = math.log(picture[0] / picture[1])
    first, last = (abs(math.log(a / b) - ratio) for a, b in (shape[2:4], shape[1:3]))
    return 3 if last < first else 1


def as_maps(values: Tensor, picture: tuple[int, int], *, count: int) -> Tensor | None:
    """The maps (N, C, H', W') in what a layer gave for `count` pictures; None if there are none.

    Tokens (N, T, D) become maps if they are a grid of the shape of the `picture` (H, W), perhaps
    after some that stand for no place.
    """
    if len(values) != count:
        return None  # windows of pictures
    if values.ndim == 4:
        maps = values.movedim(unit_axis(tuple(values.shape), picture), 1)
        return maps if maps.shape[2] * maps.shape[3] > 1 else None
    if values.ndim != 3:
        return None
    for extra in _EXTRA:
        places = values.shape[1] - extra
        rows = round(math.sqrt(max(0, places) * picture[0] / picture[1]))
        if rows > 0 and places > 1 and places % rows == 0:
            columns = places // rows
            if abs(rows * picture[1] - columns * picture[0]) <= max(picture):
                places_first = values[:, extra:].movedim(2, 1)
                return places_first.reshape(*places_first.shape[:2], rows, columns)
    return None


def last_maps(network: nn.Module, pixels: Tensor) -> str:
    """The last layer with maps on which the answers to `pixels` (N, C, H, W) depend.

    Layers before the first convolution do not count. Raises `ConfigError` where there is none.
    """
    leaves = [name for name, m in network.named_modules() if name and not list(m.children())]
    modules = dict(network.named_modules())
    picture = (pixels.shape[2], pixels.shape[3])
    with evaluating(network), differentiable(), captured(network, leaves) as found:
        outputs = network(pixels.detach().clone().requires_grad_())
    names = list(found)
    begin = next((i for i, name in enumerate(names) if _is_convolution(modules[name])), len(names))
    candidates = {}
    for name in names[begin:]:
        maps = as_maps(found[name], picture, count=len(pixels))
        if maps is not None and found[name].requires_grad:
            candidates[name] = found[name]
    if candidates:
        with differentiable():
            score = outputs.amax(dim=1).sum()
            slopes = torch.autograd.grad(score, list(candidates.values()), allow_unused=True)
        for name, slope in reversed(list(zip(candidates, slopes, strict=True))):
            maps = None if slope is None else as_maps(slope, picture, count=len(pixels))
            if maps is not None and bool((maps != 0).any()):
                return name
    raise ConfigError(
        "this network has no layer with maps, because it has no convolution; "
        "use another method, such as integrated-gradients"
    )


def _is_convolution(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim == 4
