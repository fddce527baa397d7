"""Random changes to whole batches that keep the label; each is a function of its generator.

Draw first, apply second: one resampling for all of the geometry, which costs less and blurs less
than one for each change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """The largest change of each kind; 0 switches it off."""

    rotation: float = 0.0  # degrees to either side
    shift: float = 0.0  # pixels along each axis
    zoom: float = 0.0  # share larger or smaller, 0.1 = 90 % to 110 %
    shear: float = 0.0  # degrees to either side
    until: float = 1.0  # share of the training after which pictures are left as they are

    def __post_init__(self) -> None:
        limits = {"rotation": 180, "shift": 1000, "zoom": 0.9, "shear": 80}
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(f"{name} must be in 0..{limit}, got {getattr(self, name)}")
        if not 0 < self.until <= 1:
            raise ValueError(f"until must be in 0..1, got {self.until}")

    @property
    def is_identity(self) -> bool:
        """Whether nothing would change."""
        return not (self.rotation or self.shift or self.zoom or self.shear)


def augment(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Change each of `images` (N, C, H, W), floating point, by its own random affine map.

    Bilinear; what comes in from outside the picture is its nearest edge pixel.
    """
    if config.is_identity:
        return images
    matrices = random_affine(len(images), images.shape[-2:], config, generator)
    grid = F.affine_grid(matrices.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def random_affine(
    count: int,
    size: torch.Size | tuple[int, int],
    config: AugmentConfig,
    generator: torch.Generator,
) -> Tensor:
    """Maps (count, 2, 3) from output to input, in the coordinates of `torch.affine_grid`.

    Uniform in each parameter; pixels stay square whatever the shape of the picture.
    """
    height, width = size
    draws = torch.rand(5, count, generator=generator, device=generator.device) * 2 - 1
    angle = draws[0] * math.radians(config.rotation)
    slant = torch.tan(draws[1] * math.radians(config.shear))
    scale = 1 / (1 + draws[2] * config.zoom)
    down, right = draws[3:] * config.shift
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    aspect = height / width
    rows = [
        [cosine, (slant * cosine - sine) * aspect, right * (2 / width)],
        [sine / aspect, slant * sine + cosine, down * (2 / height)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)
