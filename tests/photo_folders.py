"""Picture files for tests: small, different from each other, and easy to tell apart by class."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(number: int, *, label: int = 0, height: int = 40, width: int = 48) -> np.ndarray:
    """Blobs of noise that no other `number` has; the hue is the class's."""
    rng = np.random.default_rng([number, label])
    small = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))
    image = image // 2
    image[..., label % 3] += 120
    return image


def encoded(image: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def write(path: Path, number: int, *, label: int = 0, kind: str = "PNG", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(pixels(number, label=label), kind, **options))
    return path


def folder(path: Path, counts: dict[str, int], *, first: int = 0) -> Path:
    """A folder for each class with so many pictures."""
    for label, (name, count) in enumerate(counts.items()):
        for number in range(count):
            write(path / name / f"{number}.png", first + number, label=label)
    return path
