"""Settings of preprocessing, which travel inside the model file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# mean and deviation of each channel; a mean of each pixel and the deviation; or 0..255 to 0..1
ScalingName = Literal["standard", "mean-image", "unit"]


@dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """What happens to a picture before the network."""

    # ink: digits as in MNIST; resize: both sides, proportions change; crop: the middle; crops:
    # windows from end to end (seed document 000); pad: all of it, its edge's colour around it
    kind: Literal["auto", "ink", "resize", "crop", "crops", "pad"] = "auto"
    crops: int = 3  # windows along the longer side, for the kind "crops"
    height: int = 0  # of the network's input; 0 = as in the data set
    width: int = 0
    channels: Literal[0, 1, 3] = 0  # 0 = 1 where all pictures are grey, else 3
    least: int = 28  # where height and width are 0, smaller pictures are enlarged to this side
    scaling: ScalingName = "standard"  # learned from the training split; "unit" is 0 to 1

    def __post_init__(self) -> None:
        if not 1 <= self.crops <= 16:
            raise ValueError(f"crops must be in 1..16, got {self.crops}")
        for name in ("height", "width"):
            if not 0 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name} must be in 0..4096, got {getattr(self, name)}")
        if (self.height == 0) != (self.width == 0):
            raise ValueError("height and width must both be 0 or both be set")
        if not 1 <= self.least <= 4096:
            raise ValueError(f"least must be in 1..4096, got {self.least}")
