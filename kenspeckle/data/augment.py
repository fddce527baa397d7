"""Random changes to whole batches that keep the label; each is a function of its generator.

Draw first, apply second: one resampling for all of the geometry, which costs less and blurs less
than one for each change.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.device import one_thread

_NET = 5  # points of the elastic net along each side
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_GEOMETRY = ("stretch", "shear", "rotation", "zoom", "shift", "crop")


def augment(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Change each of `images` (N, C, H, W), of 0..255, by its own random draws; floating point.

    Geometry first, bilinear; then colour; then erasing. `images` may be changed in place.
    """
    if config.moves:
        matrices = random_affine(len(images), images.shape[-2:], config, generator)
        if config.only_flips:
            with one_thread():
                images = _floating(_mirrored(images, matrices))
            return _recoloured(images, config, generator)
        images = _floating(images)
        fill = _fill(images, config)
        grid = F.affine_grid(matrices.to(images), list(images.shape), align_corners=False)
        if config.elastic:
            grid = grid + elastic_field(len(images), images.shape[-2:], config, generator).to(grid)
        if fill is None:
            images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        else:
            images = F.grid_sample(images - fill, grid, align_corners=False) + fill
    return _recoloured(_floating(images), config, generator)


def _floating(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else images.float()


def _recoloured(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    images = _colour(images, config, generator)
    return _erase(images, config, generator) if config.erasing else images


def _mirrored(images: Tensor, matrices: Tensor) -> Tensor:
    """Flip, in place, the pictures whose maps say so: exact, and faster than by resampling."""
    for axis, row in ((3, 0), (2, 1)):
        chosen = (matrices[:, row, row] < 0).nonzero()[:, 0]
        if images.is_cuda:
            chosen = chosen.to(images.device)
            images[chosen] = images[chosen].flip(axis)
            continue
        for position in chosen.tolist():  # 20 times as fast as by a list of indices
            images[position] = images[position].flip(axis - 1)
    return images


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
    ones, zeros = torch.ones_like(draws[0]), torch.zeros_like(draws[0])
    angle = draws[0] * math.radians(config.rotation)
    slant = torch.tan(draws[1] * math.radians(config.shear))
    scale = 1 / (1 + draws[2] * config.zoom)
    down, right = draws[3:] * config.shift
    part, at_x, at_y = ones, zeros, zeros
    if config.crop:
        window = torch.rand(3, count, generator=generator, device=generator.device)
        part = 1 - window[0] * config.crop
        at_x, at_y = (2 * window[1:] - 1) * (1 - part) * torch.tensor([[width], [height]]) / 2
    wider = ones
    if config.stretch:
        stretch = torch.rand(count, generator=generator, device=generator.device) * 2 - 1
        wider = 1 + stretch * config.stretch
    # all in pixels from the middle, so that nothing is stretched; from the output to the input
    maps = {
        "stretch": _affine(wider, zeros, zeros, 1 / wider, zeros, zeros),
        "shear": _affine(ones, slant, zeros, ones, zeros, zeros),
        "rotation": _affine(
            torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle), zeros, zeros
        ),
        "zoom": _affine(scale, zeros, zeros, scale, zeros, zeros),
        "shift": _affine(ones, zeros, zeros, ones, right, down),
        "crop": _affine(part, zeros, zeros, part, at_x, at_y),
    }
    names = [name for name in config.operations if name in _GEOMETRY and getattr(config, name)]
    combined = torch.eye(3).repeat(count, 1, 1).to(draws)
    for matrix in _sequence([maps[name] for name in names], config, count, generator):
        combined = matrix @ combined
    flips = _flips(count, config, generator)
    to_pixels = torch.tensor([width / 2, height / 2, 1.0], device=draws.device)
    found: Tensor = (combined @ flips) * to_pixels / to_pixels[:, None]
    return found[:, :2]


def elastic_field(
    count: int,
    size: torch.Size | tuple[int, int],
    config: AugmentConfig,
    generator: torch.Generator,
) -> Tensor:
    """Smooth random displacements (count, H, W, 2) in the coordinates of `torch.affine_grid`.

    Normal at the points of a coarse net over the picture, bicubic in between.
    """
    height, width = size
    shape = (count, 2, _NET, _NET)
    coarse = torch.randn(shape, generator=generator, device=generator.device) * config.elastic
    field = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    to_unit = torch.tensor([2 / width, 2 / height], device=coarse.device)
    return field.permute(0, 2, 3, 1) * to_unit


def mix(
    images: Tensor, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, float]:
    """Mix each of `images` (N, C, H, W) with another: the mixed ones, the others, and our share.

    The share is one number for the batch; the others are indices (N,).
    """
    count, _, height, width = images.shape
    others = torch.randperm(count, generator=generator, device=generator.device).to(images.device)
    share = _beta(config.mixup or config.cutmix, generator)
    if config.mixup:
        return images.lerp(images[others], 1 - share), others, share
    side = math.sqrt(1 - share)
    rows, columns = (_window(extent, side, generator) for extent in (height, width))
    pasted = images.clone()
    pasted[:, :, rows, columns] = images[others][:, :, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return pasted, others, 1 - area / (height * width)


def _affine(a: Tensor, b: Tensor, c: Tensor, d: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Matrices (count, 3, 3) of rows (a, b, x), (c, d, y), (0, 0, 1)."""
    zeros, ones = torch.zeros_like(a), torch.ones_like(a)
    rows = torch.stack([a, b, x, c, d, y, zeros, zeros, ones], dim=-1)
    return rows.view(len(a), 3, 3)


def _sequence(
    matrices: list[Tensor], config: AugmentConfig, count: int, generator: torch.Generator
) -> list[Tensor]:
    """`matrices`, each (count, 3, 3), in the order in which they are applied."""
    if config.order == "given" or len(matrices) < 2:
        return matrices
    draws = torch.rand(len(matrices), count, generator=generator, device=generator.device)
    order = draws.argsort(dim=0)
    stacked = torch.stack(matrices)
    return [stacked[place, torch.arange(count, device=order.device)] for place in order]


def _flips(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    if not (config.flip_horizontal or config.flip_vertical):
        return torch.eye(3, device=generator.device)
    chances = torch.tensor([[config.flip_horizontal], [config.flip_vertical]])
    draws = torch.rand(2, count, generator=generator, device=generator.device)
    across, upright = 1 - 2 * (draws < chances.to(draws)).to(draws)
    zeros = torch.zeros_like(across)
    return _affine(across, zeros, zeros, upright, zeros, zeros)


def _fill(images: Tensor, config: AugmentConfig) -> Tensor | None:
    """The value (N, C, 1, 1) or () that comes in from outside; None for the edge pixel."""
    if config.fill == "edge":
        return None
    if config.fill == "median":
        return images.flatten(start_dim=2).median(dim=2).values[..., None, None]
    return torch.tensor(255.0 if config.fill == "white" else 0.0, device=images.device)


def _colour(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Change light and colour of each picture; the result is kept within 0..255."""
    wanted = ("brightness", "contrast", "saturation")
    names = [name for name in config.operations if name in wanted and getattr(config, name)]
    if not names:
        return images
    if config.order == "random":
        shuffled = torch.randperm(len(names), generator=generator, device=generator.device)
        names = [names[place] for place in shuffled.tolist()]
    for name in names:
        draws = torch.rand(len(images), generator=generator, device=generator.device) * 2 - 1
        change = (draws * getattr(config, name)).to(images)[:, None, None, None]
        if name == "brightness":
            images = images + 255 * change
        else:
            centre = _grey(images) if name == "saturation" else images.mean((1, 2, 3), keepdim=True)
            images = images + (images - centre) * change
    return images.clamp(0, 255)


def _grey(images: Tensor) -> Tensor:
    """The luminance (N, 1, H, W) of (N, C, H, W)."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(_LUMA, device=images.device)[None, :, None, None]
    return (images * weights).sum(dim=1, keepdim=True)


def _erase(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Fill a rectangle of 2 to 33 % of the area, of any place and form, with the mean."""
    count, _, height, width = images.shape
    draws = torch.rand(5, count, generator=generator, device=generator.device).to(images.device)
    area = 0.02 + 0.31 * draws[1]
    form = torch.exp((draws[2] * 2 - 1) * math.log(1 / 0.3))
    tall = (area * form).sqrt().clamp(max=1)
    wide = (area / form).sqrt().clamp(max=1)
    rows = torch.arange(height, device=images.device)[None, :, None] / height
    columns = torch.arange(width, device=images.device)[None, None, :] / width
    top, left = ((1 - side) * draw for side, draw in ((tall, draws[3]), (wide, draws[4])))
    top, left, tall, wide = (edge[:, None, None] for edge in (top, left, tall, wide))
    inside = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    erased = inside & (draws[0] < config.erasing)[:, None, None]
    return torch.where(erased[:, None], images.mean((2, 3), keepdim=True), images)


def _beta(parameter: float, generator: torch.Generator) -> float:
    """One draw of Beta(parameter, parameter), which torch draws from global state only."""
    level = torch.full((2,), parameter, device=generator.device)
    one, other = torch._standard_gamma(level, generator=generator).tolist()
    return float(one / (one + other)) if one + other > 0 else 1.0


def _window(extent: int, share: float, generator: torch.Generator) -> slice:
    """A random span of about `share` of `extent`, cut off at the ends (Yun et al. 2019)."""
    middle = float(torch.rand((), generator=generator, device=generator.device)) * extent
    half = share * extent / 2
    return slice(max(0, round(middle - half)), min(extent, round(middle + half)))
