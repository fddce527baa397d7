"""Networks of the timm library, by their architecture in its registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from kenspeckle.errors import ConfigError, MissingExtraError
from kenspeckle.models.layers import FixedScale


@dataclass(frozen=True, kw_only=True)
class TimmConfig:
    """One architecture of timm, without its last layer."""

    name: Literal["timm"] = "timm"
    architecture: str = "resnet18"  # without the tag of its weights

    def __post_init__(self) -> None:
        # timm also understands names such as hf-hub:..., which would load what others wrote
        if not re.fullmatch(r"[a-z0-9_]{1,100}", self.architecture):
            raise ValueError(
                "architecture must be the name of a network of timm, such as resnet18, "
                f"got {self.architecture[:100]!r}"
            )


class TimmNetwork(nn.Module):
    """(N, C, H, W) pixels to (N, outputs); C is 3, or 1, which then stands for all three."""

    def __init__(self, body: Any, outputs: int) -> None:
        """`body` maps scaled pictures to features (N, D)."""
        super().__init__()
        # the values come with the weights
        self.scale = FixedScale(mean=(0.0,) * 3, deviation=(255.0,) * 3)
        self.body = body
        self.head = nn.Linear(getattr(body, "head_hidden_size", body.num_features), outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Scale, body, head."""
        found: Tensor = self.head(self.body(self.scale(images)))
        return found


def timm_network(config: TimmConfig, *, shape: tuple[int, int, int], outputs: int) -> nn.Module:
    """The network of `config`, weights as timm leaves them.

    Raises `ConfigError` for an unknown architecture, `MissingExtraError` where timm is missing.
    """
    library = timm()
    if not library.is_model(config.architecture):
        raise ConfigError(f"unknown architecture of timm {config.architecture!r}")
    body = library.create_model(config.architecture, pretrained=False, num_classes=0)
    return TimmNetwork(body, outputs)


def timm() -> Any:
    """The library; raises `MissingExtraError` where it is not installed."""
    try:
        import timm as library
    except ImportError as error:
        raise MissingExtraError("timm is not installed; pip install 'kenspeckle[timm]'") from error
    return library
