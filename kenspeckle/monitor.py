"""Settings of what TensorBoard shows besides the curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MonitorConfig:
    """Written at the first step and after each epoch; costs some milliseconds each time."""

    histograms: Literal["on", "off"] = "on"  # of weights, gradients and pre-activations
    graph: Literal["on", "off"] = "on"  # of the layers
    pictures: int = 32  # at most, of the first batch and of mistakes; 0 = no images at all
    sample: int = 256  # pictures of the training split that histograms are computed on

    def __post_init__(self) -> None:
        if not 0 <= self.pictures <= 1000:
            raise ValueError(f"pictures must be in 0..1000, got {self.pictures}")
        if not 1 <= self.sample <= 100_000:
            raise ValueError(f"sample must be in 1..100000, got {self.sample}")
