"""Write a folder of drawn pictures, a folder for each class, to try `ken data` and `ken train` on.

python examples/picture_folder.py shapes      # 60 circles, squares, stars and 20 crosses
"""

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

COUNTS = {"circle": 60, "cross": 20, "square": 60, "star": 60}


def corners(shape: str, size: float, turn: float) -> list[tuple[float, float]]:
    """Of the shape around the origin."""
    count = {"square": 4, "star": 10, "cross": 12}[shape]
    points = []
    for number in range(count):
        angle = turn + number * 2 * math.pi / count
        reach = size
        if shape == "star" and number % 2:
            reach = 0.45 * size
        if shape == "cross":
            reach = size if number % 3 else 0.4 * size
        points.append((reach * math.cos(angle), reach * math.sin(angle)))
    return points


def draw(shape: str, chance: random.Random) -> Image.Image:
    """One picture, of a size, light, place and colour of its own."""
    width, height = chance.randint(90, 260), chance.randint(90, 260)
    light = chance.random() < 0.5
    paper = tuple(chance.randint(170, 255) if light else chance.randint(0, 80) for _ in range(3))
    ink = tuple(chance.randint(0, 110) if light else chance.randint(150, 255) for _ in range(3))
    image = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(image)
    size = min(width, height) * chance.uniform(0.22, 0.42)
    x, y = (side / 2 + chance.uniform(-0.08, 0.08) * side for side in (width, height))
    if shape == "circle":
        pen.ellipse((x - size, y - size, x + size, y + size), fill=ink)
    else:
        turn = chance.uniform(0, 2 * math.pi)
        pen.polygon([(x + a, y + b) for a, b in corners(shape, size, turn)], fill=ink)
    return image


def main(folder: Path) -> None:
    """Write them all."""
    chance = random.Random(0)
    for shape, count in COUNTS.items():
        (folder / shape).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw(shape, chance).save(folder / shape / f"{number:03}.jpg", quality=90)
    print(f"{sum(COUNTS.values())} pictures in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "shapes"))
