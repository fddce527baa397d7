"""Histograms of a whole split, batch by batch: every entry is counted, none is kept.

The bins of a growing histogram have edges at powers of two. An entry beyond them doubles their
width, and each two become one, so that counts stay exact and edges common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from kenspeckle.data.batches import Batch
from kenspeckle.errors import DataError
from kenspeckle.explain.histograms import BINS, Histogram, LayerHistograms, histogram
from kenspeckle.explain.layers import pre_activations
from kenspeckle.losses import LossName, loss_of
from kenspeckle.models.heads import Head

_FINE = 4 * BINS  # on both sides of zero together; widening leaves half of them in use


class GrowingHistogram:
    """Counts of finite entries that come in parts."""

    def __init__(self) -> None:
        self.counts = torch.zeros(_FINE, dtype=torch.int64)
        self.exponent = -126  # the bins reach from -2**exponent to 2**exponent
        self.n = self.zeros = 0
        self.sum = self.square_sum = 0.0

    def add(self, values: Tensor) -> None:
        """Count all entries of `values`."""
        flat = values.detach().float().flatten().cpu()
        highest = float(flat.abs().max()) if len(flat) else 0.0
        needed = max(-126, math.frexp(highest)[1]) if highest else -126
        if needed > self.exponent:
            self._widen(needed)
        reach = 2.0**self.exponent
        self.counts += torch.histc(flat, bins=_FINE, min=-reach, max=reach).to(torch.int64)
        exact = flat.double()
        self.n += len(flat)
        self.zeros += int((flat == 0).sum())
        self.sum += float(exact.sum())
        self.square_sum += float((exact * exact).sum())

    def _widen(self, exponent: int) -> None:
        for _ in range(min(exponent - self.exponent, _FINE)) if self.n else ():
            quarter = torch.zeros(_FINE // 4, dtype=torch.int64)
            self.counts = torch.cat([quarter, self.counts.view(-1, 2).sum(dim=1), quarter])
        self.exponent = exponent

    def result(self) -> Histogram:
        """Of all that was added, without empty bins at the ends."""
        mean = self.sum / max(1, self.n)
        edges = np.linspace(-(2.0**self.exponent), 2.0**self.exponent, _FINE + 1)
        full = np.flatnonzero(self.counts.numpy())
        first, last = (int(full[0]), int(full[-1])) if len(full) else (0, _FINE - 1)
        return Histogram(
            edges=edges[first : last + 2],
            counts=self.counts.numpy()[first : last + 1],
            mean=mean,
            deviation=math.sqrt(max(0.0, self.square_sum / max(1, self.n) - mean**2)),
            square_sum=self.square_sum,
            zeros=self.zeros / max(1, self.n),
        )


def split_histograms(
    network: nn.Module, batches: Iterable[Batch], head: Head, loss: LossName
) -> LayerHistograms:
    """As `layer_histograms`, of all `batches`; gradients are those of the mean loss over them.

    Batch norm works with its running statistics, and nothing changes. Raises `DataError` where
    there is no picture.
    """
    was_training = network.training
    named = dict(network.named_parameters())
    state = {name: (value.grad, value.requires_grad) for name, value in named.items()}
    growing: dict[str, GrowingHistogram] = {}
    pictures, total = 0, 0.0
    network.eval().requires_grad_(True)
    try:
        network.zero_grad(set_to_none=True)
        with torch.enable_grad():
            for batch in batches:
                with pre_activations(network) as found:
                    value = loss_of(loss, head, network(batch.images).float(), batch)
                count = len(batch.images)
                (value * count).backward()  # type: ignore[no-untyped-call]
                pictures, total = pictures + count, total + value.item() * count
                for name, values in found.items():
                    growing.setdefault(name, GrowingHistogram()).add(values)
        if not pictures:
            raise DataError("no pictures to take histograms of; give at least one batch")
        gradients = {name: p.grad / pictures for name, p in named.items() if p.grad is not None}
        return LayerHistograms(
            weights={name: histogram(parameter) for name, parameter in named.items()},
            gradients={name: histogram(gradient) for name, gradient in gradients.items()},
            pre_activations={name: item.result() for name, item in growing.items()},
            loss=total / pictures,
            matrices=tuple(name for name, parameter in named.items() if parameter.ndim > 1),
            pictures=pictures,
        )
    finally:
        network.train(was_training)
        for name, parameter in named.items():
            parameter.grad, _ = state[name]
            parameter.requires_grad_(state[name][1])
