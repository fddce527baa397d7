"""What dead and saturated mean for each kind of activation, in numbers and in words.

A table by the names of classes, because transformers has classes of its own for some of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NEAR = 0.01  # of the range of an output: as near to its end as counts as flat


@dataclass(frozen=True, kw_only=True)
class ActivationKind:
    """When an output is silent, and where it hardly changes, so that no gradient passes."""

    name: str
    # an output above it is active; None: there is no silence, and a dead unit never changes
    alive: float | None
    low: float = -math.inf  # at most this is saturated
    high: float = math.inf  # at least this is saturated

    @property
    def can_saturate(self) -> bool:
        """Whether there is a flat end apart from silence."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    @property
    def dead(self) -> str:
        """When a unit is dead, in words."""
        if self.alive is None:
            return f"its outputs differ by less than {NEAR} over all pictures"
        return "no output is above 0 at any place of any picture"

    @property
    def saturated(self) -> str:
        """What a saturated output is, in words; empty where none is."""
        ends = [f"at most {self.low:g}"] if math.isfinite(self.low) else []
        ends += [f"at least {self.high:g}"] if math.isfinite(self.high) else []
        return " or ".join(ends)


_RELU = ActivationKind(name="relu", alive=0.0)
_GELU = ActivationKind(name="gelu", alive=0.0)
_SILU = ActivationKind(name="silu", alive=0.0)
SOFTMAX = ActivationKind(name="softmax", alive=None, low=NEAR, high=1 - NEAR)
KINDS: dict[str, ActivationKind] = {
    "ReLU": _RELU,
    "LeakyReLU": ActivationKind(name="leaky-relu", alive=0.0),
    "ReLU6": ActivationKind(name="relu6", alive=0.0, high=6 * (1 - NEAR)),
    "ELU": ActivationKind(name="elu", alive=0.0, low=-1 + NEAR),
    "GELU": _GELU,
    "GELUActivation": _GELU,
    "GELUTanh": _GELU,
    "NewGELUActivation": _GELU,
    "QuickGELUActivation": _GELU,
    "SiLU": _SILU,
    "SiLUActivation": _SILU,
    "Hardswish": ActivationKind(name="hard-swish", alive=0.0),
    "Tanh": ActivationKind(name="tanh", alive=None, low=-1 + 2 * NEAR, high=1 - 2 * NEAR),
    "Sigmoid": ActivationKind(name="sigmoid", alive=None, low=NEAR, high=1 - NEAR),
}
