"""Settings of training on top of a pretrained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """First a linear head on features, then, where it may help, fine-tuning of everything."""

    # lite0, hf/ORG/NAME, timm/NAME, or a folder or .safetensors file; "" = random weights
    backbone: str = ""
    # auto: where validation is large enough to tell whether it helps, within `minutes`
    fine_tune: Literal["auto", "on", "off"] = "auto"
    minutes: float = 1.0  # that fine-tuning may take where it is chosen automatically

    def __post_init__(self) -> None:
        if not self.minutes >= 0:
            raise ValueError(f"minutes must be 0 or more, got {self.minutes}")
