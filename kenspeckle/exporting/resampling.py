"""Pillow's bilinear resize as tensors, equal to it in every bit, for a graph of any picture size.

Pillow scales across and then down, each by a triangle that is as wide as the scale when it shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_FIXED_POINT = float(1 << 22)  # Pillow's weights of colour in 8 bits are multiples of 1 / this


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Which part of one side of a picture is scaled to what; scalars are float64 tensors."""

    size: int  # pixels of the picture; a symbol while a graph is traced, as is `reach`
    begin: Tensor  # of the part, in pixels
    step: Tensor  # pixels of the picture for each of the scaled one
    places: Tensor  # (n,) float64, the scaled pixels that are wanted, from 0
    reach: int  # at least as many pixels as are in a scaled one


def scalar(value: int | float) -> Tensor:
    """A number of the graph that may depend on the size of the picture."""
    return torch.scalar_tensor(value, dtype=torch.float64)


def resized(planes: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """(N, C, H, W) float64 whole numbers of 0..255, resized: Pillow's "RGB" for C = 3, else "F"."""
    if planes.shape[1] == 1:
        narrow = _summed(planes, _Taps(columns))  # Pillow keeps floats in between
        return _summed(narrow.transpose(2, 3), _Taps(rows)).transpose(2, 3).round()
    narrow = _bytes(planes @ _fixed(columns).T)
    return _bytes(_fixed(rows) @ narrow)


class _Taps:
    """The pixels in each scaled one, `reach` of them: `pixels` and `weights` are (n, reach)."""

    def __init__(self, axis: Axis) -> None:
        size = scalar(axis.size)
        support = axis.step.clamp(min=1.0)
        middle = (axis.begin + (axis.places + 0.5) * axis.step)[:, None]
        first = (middle - support + 0.5).floor().clamp(min=0.0)
        end = torch.minimum((middle + support + 0.5).floor(), size)
        pixels = first + torch.arange(axis.reach, dtype=torch.float64)
        # all in the order in which Pillow rounds, sums included
        distance = ((pixels - middle + 0.5) * (1.0 / support)).abs()
        shares = torch.where(pixels < end, (1.0 - distance).clamp(min=0.0), 0.0)
        total = shares.cumsum(dim=1)[:, -1:]
        self.weights = shares / total
        self.pixels = torch.minimum(pixels, size - 1.0).long()


def _summed(planes: Tensor, taps: _Taps) -> Tensor:
    """(N, 1, H, W) to (N, 1, H, n), added up one after another: a product of matrices would not."""
    parts = planes[..., taps.pixels] * taps.weights
    return parts.cumsum(dim=-1)[..., -1].float().double()


def _fixed(axis: Axis) -> Tensor:
    """(n, size): weights as whole numbers; their sums with bytes are exact in any order."""
    taps = _Taps(axis)
    weights = (taps.weights * _FIXED_POINT + 0.5).floor()
    dense = torch.zeros(len(axis.places), axis.size, dtype=torch.float64)
    return dense.scatter_add(1, taps.pixels, weights)


def _bytes(sums: Tensor) -> Tensor:
    return ((sums + _FIXED_POINT / 2) / _FIXED_POINT).floor().clamp(0.0, 255.0)
