"""Pages to write a digit on: paper, ink, light and camera, and the named ways to distort them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from kenspeckle.data.planes import to_bytes
from kenspeckle.data.sources.strokes import Coverage

Colour = tuple[float, float, float]  # red, green, blue in 0..255
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """How a page is made; lengths are shares of the digit's height."""

    PENS: ClassVar[tuple[float, float]] = (0.065, 0.13)  # the widths of usual pens

    height: int  # of the digit, pixels
    margins: tuple[float, float, float, float]  # left, top, right, bottom
    paper: Colour
    pigment: Colour
    pen: float
    rotation: float = 0.0  # degrees
    noise: float = 1.5  # deviation of the camera's noise, levels
    blotches: float = 0.0  # deviation of the paper's unevenness, levels
    fall_off: float = 0.0  # share of the light that is missing at the darkest place
    shadow: float = 0.0  # share of the light that a shadow takes
    lines: tuple[float, ...] = ()  # distances of rules across the page, and of those along it
    rule: float = 0.0  # strength of the rules, as a share of the ink's
    frame: float = 0.0  # width of a border of another colour
    beside: float = 0.0  # height of a second digit
    blur: float = 0.0  # deviation of the lens's blur
    depth: int = 8  # bits
    jpeg: int = 0  # quality; 0 = no loss


def plain(rng: np.random.Generator) -> Scene:
    """Dark on light, in the middle, well lit."""
    margins = rng.uniform(0.15, 0.6) * rng.uniform(0.85, 1.15, 4)
    return Scene(
        height=int(rng.integers(50, 200)),
        margins=tuple(margins),
        paper=(rng.uniform(220, 255),) * 3,
        pigment=(rng.uniform(0, 80),) * 3,
        pen=rng.uniform(*Scene.PENS),
    )


def _tiny(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, height=int(rng.integers(12, 29)), pen=rng.uniform(0.09, 0.13))


def _huge(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, height=int(rng.integers(800, 1501)))


def _light_on_dark(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, paper=scene.pigment, pigment=scene.paper)


def _low_contrast(scene: Scene, rng: np.random.Generator) -> Scene:
    paper = rng.uniform(70, 200)
    step = rng.uniform(20, 45) * rng.choice([-1, 1])
    return replace(scene, paper=(paper,) * 3, pigment=(paper + step,) * 3)


def _thin(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, pen=rng.uniform(0.02, 0.04), height=int(rng.integers(100, 300)))


def _thick(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, pen=rng.uniform(0.15, 0.19))


def _off_centre(scene: Scene, rng: np.random.Generator) -> Scene:
    margins = np.where(rng.permutation([True, False, False, False]), 0.06, rng.uniform(0.5, 4, 4))
    return replace(scene, margins=tuple(margins), height=int(rng.integers(40, 120)))


def _rotated(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, rotation=rng.uniform(4, 12) * rng.choice([-1, 1]))


def _gradient(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, fall_off=rng.uniform(0.25, 0.55))


def _shadowed(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, shadow=rng.uniform(0.2, 0.5))


def _rough_paper(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(scene, noise=rng.uniform(5, 15), blotches=rng.uniform(2, 7))


def _coloured(scene: Scene, rng: np.random.Generator) -> Scene:
    paper = rng.uniform(150, 255, 3)
    return replace(scene, paper=tuple(paper), pigment=tuple(rng.uniform(0, 110, 3)))


def _same_luminance(scene: Scene, rng: np.random.Generator) -> Scene:
    """Red or blue ink on green, or the reverse, that a black-and-white picture would not show."""
    luma = rng.uniform(90, 120)
    green = (rng.uniform(20, 50), 0.0, rng.uniform(20, 60))
    other = (rng.uniform(190, 230), 0.0, rng.uniform(20, 160))
    colours = []
    for red, _, blue in (green, other):
        level = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
        colours.append((red, float(np.clip(level, 0, 255)), blue))
    first, second = rng.permutation(2)
    return replace(scene, paper=colours[first], pigment=colours[second])


def _deep(scene: Scene, rng: np.random.Generator) -> Scene:
    low, high = np.sort(rng.uniform(0, 255, 2))
    if high - low < 60:
        low, high = max(0.0, low - 50), min(255.0, high + 50)
    pair = ((low,) * 3, (high,) * 3)
    first, second = rng.permutation(2)
    return replace(scene, depth=16, paper=pair[first], pigment=pair[second])


def _jpeg(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(_coloured(scene, rng), jpeg=int(rng.integers(8, 30)))


def _ruled(scene: Scene, rng: np.random.Generator) -> Scene:
    rule = rng.uniform(0.2, 0.7)
    return replace(_wide(scene, rng), lines=(rng.uniform(0.4, 1.3),), rule=rule)


def _squared(scene: Scene, rng: np.random.Generator) -> Scene:
    gap = rng.uniform(0.25, 0.7)
    return replace(_wide(scene, rng), lines=(gap, gap), rule=rng.uniform(0.15, 0.55))


def _wide(scene: Scene, rng: np.random.Generator) -> Scene:
    """More of the paper, a little turned, as rules are seen on it."""
    margins = tuple(rng.uniform(0.3, 1.2, 4))
    return replace(scene, margins=margins, rotation=rng.uniform(-3, 3))


def _bordered(scene: Scene, rng: np.random.Generator) -> Scene:
    return replace(_wide(scene, rng), frame=rng.uniform(0.04, 0.2))


def _two_digits(scene: Scene, rng: np.random.Generator) -> Scene:
    """A smaller digit at the side; the label is of the one in the middle."""
    gap, beside = rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.7)
    margins = (gap + beside, 0.4, gap + beside, 0.4)
    return replace(scene, beside=beside, margins=margins)


def _photographed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Much of the above together, as with a telephone at a desk."""
    ways = [_rotated, _gradient, _shadowed, _rough_paper, _coloured, _ruled, _squared, _bordered]
    for which in rng.permutation(len(ways))[:3]:
        scene = ways[which](scene, rng)
    quality = int(rng.integers(40, 90))
    return replace(scene, height=int(rng.integers(120, 600)), jpeg=quality, blur=0.008)


DISTORTIONS: dict[str, Callable[[Scene, np.random.Generator], Scene]] = {
    "plain": lambda scene, rng: scene,
    "tiny": _tiny,
    "huge": _huge,
    "light on dark": _light_on_dark,
    "low contrast": _low_contrast,
    "thin strokes": _thin,
    "thick strokes": _thick,
    "off-centre": _off_centre,
    "rotated": _rotated,
    "gradient": _gradient,
    "shadow": _shadowed,
    "rough paper": _rough_paper,
    "coloured": _coloured,
    "same luminance": _same_luminance,
    "16 bit": _deep,
    "jpeg": _jpeg,
    "ruled": _ruled,
    "squared": _squared,
    "bordered": _bordered,
    "two digits": _two_digits,
    "photographed": _photographed,
}


def at_height(coverage: Coverage, height: int) -> Coverage:
    """The drawn part of `coverage`, scaled to be `height` pixels high."""
    rows, columns = np.nonzero(coverage > 0.02)
    drawn = coverage[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    width = max(1, round(drawn.shape[1] * height / drawn.shape[0]))
    image = Image.fromarray(drawn.astype(np.float32))
    scaled = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, dtype=np.float64), 0, 1)


def render(
    coverage: Coverage, scene: Scene, rng: np.random.Generator, *, beside: Coverage | None = None
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """`coverage` on its page: (H, W), or (H, W, 3) where there is colour."""
    drawn = at_height(ndimage.rotate(coverage, scene.rotation, order=1), scene.height)
    before, above, after, below = (round(margin * scene.height) for margin in scene.margins)
    ink = np.pad(drawn, ((above, below), (before, after)))
    if beside is not None:
        second = at_height(beside, round(scene.beside * scene.height))
        top = int(rng.integers(ink.shape[0] - second.shape[0] + 1))
        # a wide one, such as a slanted 7, would reach into the first
        second = second[:, : round(scene.beside * scene.height)]
        left = 0 if rng.random() < 0.5 else ink.shape[1] - second.shape[1]
        ink[top : top + second.shape[0], left : left + second.shape[1]] += second
    marks = np.maximum(_rules(ink.shape, scene, rng) * scene.rule, np.clip(ink, 0, 1))
    light = _light(ink.shape, scene, rng)
    unevenness = ndimage.gaussian_filter(rng.normal(0, 1, ink.shape), 3)
    light += scene.blotches / 255 * unevenness / unevenness.std()
    edge, border = _frame(ink.shape, scene, rng)
    planes = []
    for paper, pigment, beyond in zip(scene.paper, scene.pigment, border, strict=True):
        plane = np.where(edge, beyond, paper + (pigment - paper) * marks) * light
        plane = ndimage.gaussian_filter(plane, scene.blur * scene.height)
        planes.append(plane + rng.normal(0, scene.noise, ink.shape))
    is_grey = len(set(scene.paper)) == len(set(scene.pigment)) == 1
    page = planes[0] if is_grey else np.stack(planes, axis=-1)
    if scene.depth == 16:
        deep: NDArray[np.uint16] = np.round(np.clip(page, 0, 255) * 257).astype(np.uint16)
        return deep
    return to_bytes(page)


def _rules(shape: tuple[int, ...], scene: Scene, rng: np.random.Generator) -> Coverage:
    """Printed lines at the distances of `scene`, not quite level."""
    rules = np.zeros(shape)
    rows, columns = np.indices(shape)
    tilt = np.tan(np.radians(rng.uniform(-1.5, 1.5)))
    width = max(1.0, scene.height * rng.uniform(0.008, 0.02))
    for number, distance in enumerate(scene.lines):
        across = rows + tilt * columns if number == 0 else columns - tilt * rows
        gap = distance * scene.height
        off = np.abs((across + rng.uniform(0, gap)) % gap - gap / 2)
        rules = np.maximum(rules, np.clip(width / 2 - off + 0.5, 0, 1))
    return rules


def _light(shape: tuple[int, ...], scene: Scene, rng: np.random.Generator) -> Coverage:
    """How bright it is, 1 where nothing is in the way."""
    rows, columns = (np.linspace(-1, 1, extent) for extent in shape)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.add.outer(np.sin(angle) * rows, np.cos(angle) * columns)
    place = (along - along.min()) / np.ptp(along)
    softness, where = rng.uniform(0.01, 0.08), rng.uniform(0.25, 0.75)
    shade = 1 / (1 + np.exp(-np.clip((place - where) / softness, -40, 40)))
    light: Coverage = (1 - scene.fall_off * place) * (1 - scene.shadow * shade)
    return light


def _frame(
    shape: tuple[int, ...], scene: Scene, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Colour]:
    """Where the table is seen beside the paper, at one to four sides; and its colour."""
    edge = np.zeros(shape, dtype=bool)
    level = rng.uniform(0, 0.6)
    colour = (scene.paper[0] * level, scene.paper[1] * level, scene.paper[2] * level)
    width = max(1, round(scene.frame * scene.height))
    if scene.frame:
        for side in rng.permutation(4)[: rng.integers(1, 5)]:
            turned = np.rot90(edge, side)
            turned[:width] = True
    return edge, colour
