"""Units that never answer, and units that can hardly learn any more, layer by layer.

A unit is a channel of maps, at all their places, or one number of a dense layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.explain.activation_kinds import KINDS, NEAR, SOFTMAX, ActivationKind
from kenspeckle.explain.layers import batch_size, evaluating, label, pixels
from kenspeckle.explain.maps import unit_axis
from kenspeckle.explain.subject import Subject, subject
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.units import unit_bars
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import ClassHead

MOSTLY = 0.95  # share of a unit's outputs that must be saturated for the unit to be so
OUTPUT = "output"  # the row of the softmax of the answers


@dataclass(frozen=True, kw_only=True)
class LayerUnits:
    """The units of one activation layer."""

    layer: str  # as people call it: block1 for block1.activation; "output" for the answers
    kind: ActivationKind
    is_dead: NDArray[np.bool_]  # (D,)
    is_saturated: NDArray[np.bool_]  # (D,) all false where the kind has no flat end
    flat: float  # share of all single outputs that are saturated
    silent: float  # share of all single outputs that are not above 0; 0 for kinds without silence

    @property
    def dead(self) -> float:
        """Share of units that are dead."""
        return float(self.is_dead.mean())

    @property
    def saturated(self) -> float:
        """Share of units that are saturated."""
        return float(self.is_saturated.mean())


@dataclass(frozen=True, kw_only=True)
class UnitStates(Drawable):
    """All activation layers of a network, in the order of the answer, and its softmax."""

    n: int  # pictures that were looked at
    layers: tuple[LayerUnits, ...]

    @property
    def definitions(self) -> tuple[str, ...]:
        """For each kind that occurs, what dead and saturated mean."""
        kinds = dict.fromkeys(layer.kind for layer in self.layers)
        return tuple(_definition(kind) for kind in kinds)

    @property
    def title(self) -> str:
        """What the bars count."""
        return "Dead and saturated units"

    @property
    def description(self) -> str:
        """How many there are, where most, and what the words mean."""
        hidden = [layer for layer in self.layers if layer.layer != OUTPUT]
        parts = []
        if hidden:
            units = sum(len(layer.is_dead) for layer in hidden)
            dead = sum(int(layer.is_dead.sum()) for layer in hidden)
            saturated = sum(int(layer.is_saturated.sum()) for layer in hidden)
            parts.append(
                f"Of {units:,} hidden units, dead on all {self.n:,} pictures: {dead:,}; "
                f"saturated: {saturated:,}"
            )
            worst = max(hidden, key=lambda layer: layer.dead)
            if dead:
                parts[-1] += (
                    f"; the largest share of dead ones is in {worst.layer} ({worst.dead:.0%})"
                )
            parts[-1] += ". "
        return "".join(parts) + " ".join(self.definitions)

    def figure(self) -> Figure:
        """Two bars for each layer."""
        return unit_bars(self)


def unit_states(model: nn.Module | Classifier, images: NDArray[np.uint8]) -> UnitStates:
    """Of every activation layer and the softmax, on `images` (N, H, W, C) of the input's size."""
    about = subject(model, images)
    picture = (images.shape[1], images.shape[2])
    size = batch_size(picture)
    with evaluating(about.network), torch.inference_mode(), _counted(about, picture) as counts:
        for start in range(0, len(images), size):
            given = about.network(pixels(images[start : start + size], about.network)).float()
            if isinstance(about.head, ClassHead):
                counts.setdefault(OUTPUT, _Count(SOFTMAX)).add(about.shares(given), axis=1)
    rows = [count.row(name) for name, count in counts.items()]
    rows.sort(key=lambda row: row.layer == OUTPUT)
    return UnitStates(n=len(images), layers=tuple(rows))


@dataclass(eq=False)
class _Count:
    """What is known of the units of one layer, batch by batch."""

    kind: ActivationKind
    low: list[Tensor] = field(default_factory=list)  # (D,) of each batch
    high: list[Tensor] = field(default_factory=list)
    flat: list[Tensor] = field(default_factory=list)  # (D,) numbers of saturated outputs
    silent: int = 0
    outputs: int = 0  # of each unit

    def add(self, values: Tensor, *, axis: int) -> None:
        """Count `values`, whose `axis` counts units."""
        rows = values.movedim(axis, 0).flatten(1)
        self.low.append(rows.amin(dim=1))
        self.high.append(rows.amax(dim=1))
        if self.kind.can_saturate:
            self.flat.append(((rows <= self.kind.low) | (rows >= self.kind.high)).sum(dim=1))
        if self.kind.alive is not None:
            self.silent += int((rows <= self.kind.alive).sum())
        self.outputs += rows.shape[1]

    def row(self, name: str) -> LayerUnits:
        """The sums."""
        low, high = torch.stack(self.low).amin(dim=0), torch.stack(self.high).amax(dim=0)
        never = high - low < NEAR if self.kind.alive is None else high <= self.kind.alive
        flat = torch.zeros_like(high)
        if self.flat:
            flat = torch.stack(self.flat).sum(dim=0) / self.outputs
        return LayerUnits(
            layer=name,
            kind=self.kind,
            is_dead=never.cpu().numpy(),
            is_saturated=(flat >= MOSTLY).cpu().numpy(),
            flat=float(flat.mean()),
            silent=self.silent / (self.outputs * len(low)),
        )


@contextmanager
def _counted(about: Subject, picture: tuple[int, int]) -> Iterator[dict[str, _Count]]:
    """Count what every activation gives, by the name of its layer."""
    counts: dict[str, _Count] = {}

    def counting(name: str, kind: ActivationKind) -> object:
        def hook(_module: nn.Module, _given: object, made: Tensor) -> None:
            axis = unit_axis(tuple(made.shape), picture)
            counts.setdefault(name, _Count(kind)).add(made, axis=axis)

        return hook

    hooks = []
    try:
        for name, module in about.network.named_modules():
            kind = KINDS.get(type(module).__name__)
            if kind is not None:
                hooks.append(module.register_forward_hook(counting(label(name), kind)))
        yield counts
    finally:
        for hook in hooks:
            hook.remove()


def _definition(kind: ActivationKind) -> str:
    unit = "A class" if kind is SOFTMAX else f"A {kind.name} unit"
    what = "probability" if kind is SOFTMAX else "output"
    if not kind.saturated:
        return f"{unit} is dead if {kind.dead}; it does not saturate."
    return (
        f"{unit} is dead if {kind.dead}, and saturated if its {what} is {kind.saturated} "
        f"in {MOSTLY:.0%} or more of the cases."
    )
