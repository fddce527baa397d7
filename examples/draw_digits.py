"""Draw the ten pictures in examples/pictures: digits that are not from MNIST, all different.

Strokes drawn by code, with the hand's tremor; on paper, blackboard, grey card, in many formats.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import make_interp_spline

FOLDER = Path(__file__).parent / "pictures"
STROKES: dict[int, list[list[tuple[float, float]]]] = {  # x to the right, y down, in 0..1
    0: [[(0.55, 0.05), (0.2, 0.2), (0.12, 0.6), (0.4, 0.95), (0.8, 0.75), (0.85, 0.3),
         (0.55, 0.05)]],
    1: [[(0.4, 0.2), (0.6, 0.02), (0.57, 0.5), (0.53, 0.98)]],
    2: [[(0.15, 0.25), (0.4, 0.03), (0.78, 0.2), (0.65, 0.5), (0.15, 0.93)],
        [(0.15, 0.93), (0.5, 0.9), (0.9, 0.95)]],
    3: [[(0.2, 0.1), (0.6, 0.03), (0.78, 0.25), (0.4, 0.46)],
        [(0.4, 0.46), (0.8, 0.55), (0.8, 0.85), (0.45, 0.98), (0.12, 0.85)]],
    4: [[(0.35, 0.03), (0.2, 0.35), (0.12, 0.58), (0.5, 0.58), (0.92, 0.55)],
        [(0.68, 0.25), (0.65, 0.6), (0.62, 0.98)]],
    5: [[(0.28, 0.06), (0.25, 0.25), (0.2, 0.42)],
        [(0.2, 0.42), (0.55, 0.36), (0.82, 0.58), (0.65, 0.92), (0.15, 0.92)],
        [(0.28, 0.06), (0.5, 0.07), (0.82, 0.03)]],
    6: [[(0.7, 0.03), (0.35, 0.3), (0.15, 0.7), (0.4, 0.97), (0.75, 0.85), (0.72, 0.58),
         (0.4, 0.55), (0.18, 0.75)]],
    7: [[(0.1, 0.1), (0.5, 0.08), (0.88, 0.05)], [(0.88, 0.05), (0.6, 0.5), (0.42, 0.98)]],
    8: [[(0.75, 0.15), (0.45, 0.03), (0.22, 0.2), (0.5, 0.45), (0.78, 0.7), (0.5, 0.97),
         (0.2, 0.78), (0.45, 0.5), (0.74, 0.27), (0.75, 0.15)]],
    9: [[(0.75, 0.25), (0.5, 0.05), (0.2, 0.2), (0.3, 0.47), (0.62, 0.45), (0.76, 0.22)],
        [(0.76, 0.22), (0.74, 0.6), (0.62, 0.98)]],
}  # fmt: skip


def ink(digit: int, *, side: int, width: float, rng: np.random.Generator) -> np.ndarray:
    """Coverage 0..1 of a digit drawn by hand in a square of `side` pixels, `width` of it thick."""
    scale = 4  # drawn larger, then reduced, for smooth edges
    image = Image.new("L", (side * scale, side * scale))
    pen = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = np.array(stroke) + rng.normal(0, 0.012, (len(stroke), 2))
        along = np.linspace(0, 1, len(points))
        curve = make_interp_spline(along, points, k=min(3, len(points) - 1))(np.linspace(0, 1, 200))
        radius = width * side * scale / 2 * (1 + 0.15 * np.sin(np.linspace(0, 3, 200)))
        for (x, y), r in zip(curve * 0.8 + 0.1, radius, strict=True):
            x, y = x * side * scale, y * side * scale
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS)) / 255


def page(height: int, width: int, drawn: np.ndarray, top: int, left: int) -> np.ndarray:
    """An empty page with `drawn` laid on it at (top, left)."""
    whole = np.zeros((height, width))
    whole[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return whole


def photographed(coverage: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """A pen on paper in uneven light, with the noise and blur of a phone."""
    height, width = coverage.shape
    light = np.linspace(205, 240, width)[None, :] + np.linspace(8, -12, height)[:, None]
    grey = light * (1 - coverage * 0.75) + rng.normal(0, 3, coverage.shape)
    colour = np.stack([grey, grey * 0.985, grey * 0.94], axis=-1)
    image = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(1.2))


def main() -> None:
    """Write the ten files; the same ones every time."""
    rng = np.random.default_rng(2026)
    FOLDER.mkdir(exist_ok=True)
    draw = partial(ink, rng=rng)

    paper = 255 - 255 * page(180, 240, draw(0, side=120, width=0.09), 30, 90)
    Image.fromarray(paper.astype(np.uint8)).save(FOLDER / "zero-on-paper.png")

    board = 18 + 225 * page(200, 200, draw(1, side=150, width=0.1), 20, 40)
    Image.fromarray(board.astype(np.uint8)).save(FOLDER / "one-on-blackboard.bmp")

    two = page(480, 640, draw(2, side=260, width=0.06), 120, 60)
    photographed(two, rng).save(FOLDER / "two-photographed.jpg", quality=85)

    deep = 65535 - 50000 * page(90, 90, draw(3, side=70, width=0.12), 10, 14)
    Image.fromarray(deep.astype(np.uint16)).save(FOLDER / "three-16-bit.png")

    four = draw(4, side=160, width=0.08)
    see_through = np.zeros((160, 160, 4), dtype=np.uint8)
    see_through[..., :3] = (20, 40, 160)
    see_through[..., 3] = four * 255
    Image.fromarray(see_through).save(FOLDER / "four-transparent.webp", lossless=True)

    five = 255 - 255 * page(64, 64, draw(5, side=24, width=0.13), 4, 34)
    Image.fromarray(five.astype(np.uint8)).save(FOLDER / "five-tiny.gif")

    six = photographed(page(400, 300, draw(6, side=220, width=0.07), 90, 40), rng)
    sideways = six.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by the camera; viewers turn it back
    sideways.save(FOLDER / "six-exif-rotated.jpg", quality=90, exif=exif)

    seven = 130 + 45 * page(150, 150, draw(7, side=110, width=0.1), 20, 20)
    noisy = np.clip(seven + rng.normal(0, 4, seven.shape), 0, 255)
    Image.fromarray(noisy.astype(np.uint8)).save(FOLDER / "seven-faint.tif")

    eight = page(240, 240, draw(8, side=200, width=0.14), 20, 20)[..., None]
    red = (1 - eight) * np.array([250, 244, 225]) + eight * np.array([190, 30, 40])
    Image.fromarray(red.astype(np.uint8)).save(FOLDER / "eight-red-marker.png")

    nine = photographed(page(360, 360, draw(9, side=240, width=0.035), 60, 70), rng)
    nine.convert("L").save(FOLDER / "nine-thin-pen.jpg", quality=60)


if __name__ == "__main__":
    main()
