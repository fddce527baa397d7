"""Histograms of weights, gradients and pre-activations, layer by layer.

The look of seed document 003 (Learn TensorFlow Now 6): outputs that grow or shrink from layer to
layer are how a bad start shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.data.batches import Batch
from kenspeckle.explain.layers import pre_activations
from kenspeckle.figures.drawable import Drawable
from kenspeckle.losses import LossName, loss_of
from kenspeckle.models.heads import Head

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 64


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How the entries of one tensor are spread."""

    edges: NDArray[np.float64]  # (bins + 1,)
    counts: NDArray[np.int64]  # (bins,)
    mean: float
    deviation: float
    square_sum: float
    zeros: float  # share of entries that are exactly 0; NaN where that is not known

    @property
    def n(self) -> int:
        """How many entries."""
        return int(self.counts.sum())


@dataclass(frozen=True, kw_only=True)
class LayerHistograms(Drawable):
    """Of one network at one moment, each by name in the order of the layers."""

    weights: Mapping[str, Histogram]
    gradients: Mapping[str, Histogram]
    pre_activations: Mapping[str, Histogram]  # of layers with an activation, and the logits
    loss: float  # on the pictures that were looked at
    matrices: tuple[str, ...]  # parameters that are neither biases nor of a norm
    pictures: int  # how many were looked at

    @property
    def growth(self) -> float:
        """Deviation in the last hidden layer over that in the first; 1 is an even course."""
        hidden = [item for name, item in self.pre_activations.items() if name != "logits"]
        if not hidden or not hidden[0].deviation:
            return float("nan")
        return hidden[-1].deviation / hidden[0].deviation

    @property
    def title(self) -> str:
        """What it shows."""
        return "Pre-activations, weights and gradients, layer by layer"

    @property
    def description(self) -> str:
        """How numbers and gradients grow or shrink from the first layer to the last."""
        text = (
            f"Measured on {self.pictures:,} pictures, loss {self.loss:.3g}. Each panel reaches "
            "four deviations to both sides of its mean, the line is zero and the number the "
            "deviation; heights are logarithmic, because the tails matter more than the peak."
        )
        hidden = [name for name in self.pre_activations if name != "logits"]
        if len(hidden) > 1:
            first, last = (self.pre_activations[name] for name in (hidden[0], hidden[-1]))
            text += (
                f" What activations are given spreads by {first.deviation:.3g} in {hidden[0]} and "
                f"by {last.deviation:.3g} in {hidden[-1]}."
            )
        steep = [self.gradients[name] for name in self.matrices if name in self.gradients]
        if len(steep) > 1 and steep[-1].deviation > 0:
            text += (
                " Gradients of the first weights are "
                f"{steep[0].deviation / steep[-1].deviation:.2g} times as large as those of the "
                "last."
            )
        return text

    def figure(self) -> Figure:
        """Three columns, a panel for each layer."""
        from kenspeckle.figures.histograms import layer_histograms as draw

        return draw(self)


def histogram(values: Tensor, *, bins: int = BINS) -> Histogram:
    """Of all entries of `values`, which must be finite."""
    flat = values.detach().float().flatten()
    low, high = float(flat.min()), float(flat.max())
    if low == high:  # a constant has no width
        low, high = low - 0.5, high + 0.5
    counts = torch.histc(flat, bins=bins, min=low, max=high)
    exact = flat.double()
    return Histogram(
        edges=np.linspace(low, high, bins + 1),
        counts=counts.to(torch.int64).cpu().numpy(),
        mean=float(exact.mean()),
        deviation=float(exact.std(correction=0)),
        square_sum=float((exact * exact).sum()),
        zeros=float((flat == 0).float().mean()),
    )


def _histograms(named: Mapping[str, Tensor]) -> dict[str, Histogram]:
    finite = {name: values for name, values in named.items() if torch.isfinite(values).all()}
    return {name: histogram(values) for name, values in finite.items()}


def layer_histograms(
    network: nn.Module,
    batch: Batch,
    head: Head,
    loss: LossName,
    *,
    statistics: Literal["running", "batch"] = "running",
) -> LayerHistograms:
    """Look at one pass forth and back over `batch`; leaves no gradient and changes nothing.

    Batch norm works with its running statistics, as in prediction, or with those of the batch, as
    in training: before the first step the running ones know nothing yet.
    """
    was_training = network.training
    kept = {name: parameter.grad for name, parameter in network.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.eval()
    if statistics == "batch":
        for norm in (
            m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)
        ):
            norm.train()
    try:
        with torch.enable_grad(), pre_activations(network) as found:
            network.zero_grad(set_to_none=True)
            value = loss_of(loss, head, network(batch.images).float(), batch)
            value.backward()  # type: ignore[no-untyped-call]
        named = dict(network.named_parameters())
        return LayerHistograms(
            weights=_histograms(named),
            gradients=_histograms(
                {name: p.grad for name, p in named.items() if p.grad is not None}
            ),
            pre_activations=_histograms(found),
            loss=value.item(),
            matrices=tuple(name for name, parameter in named.items() if parameter.ndim > 1),
            pictures=len(batch.images),
        )
    finally:
        for name, parameter in network.named_parameters():
            parameter.grad = kept[name]
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
        network.train(was_training)
