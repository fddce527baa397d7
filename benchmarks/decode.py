"""Measure how long a JPEG takes from its bytes to an input of 224 x 224: ours and Pillow's ways.

The photographs are synthetic: stamps of Tux Paint (photographs of animals, fruit and so on, on
transparency) are laid on a smooth background, enlarged to 500 x 375 and 4000 x 3000 by bicubic
interpolation, and get noise of a standard deviation of 4 levels as grain, so that a JPEG of
quality 90 has about as many bytes as one from a camera. The ways take turns, on one thread, and
each picture counts with its shortest time of all rounds, because other programs may be at work.

    OMP_NUM_THREADS=1 python benchmarks/decode.py --write
"""

from __future__ import annotations

import argparse
import io
import platform
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.data.framing import decode_for, views, with_channels
from kenspeckle.data.preprocess_config import PreprocessConfig

ROOT = Path(__file__).parents[1]
STAMPS = Path("/usr/share/tuxpaint/stamps")
SIDE = 224
SIZES = ((500, 375), (4000, 3000))
INPUT = PreprocessConfig(kind="resize", height=SIDE, width=SIDE)


def main() -> None:
    """Time every way on every size and print the table."""
    options = arguments()
    lines = [
        f"## Decoding JPEG, {date.today()}",
        "",
        f"Python {platform.python_version()}, Pillow {PIL.__version__}, simplejpeg "
        f"{version('simplejpeg')}, one thread, {options.pictures} synthetic photographs "
        f"(benchmarks/decode.py says how), {options.rounds} rounds. Milliseconds for a picture, "
        f"from bytes to {SIDE} x {SIDE} x 3: median (range over the pictures).",
        "",
        "| size | kB | " + " | ".join(WAYS) + " | Pillow in full / ours |",
        "|---" * (len(WAYS) + 3) + "|",
    ]
    for size in SIZES:
        files = photographs(size, options.pictures)
        times = measured(files, options.rounds)
        cells = [f"{np.median(row):.2f} ({row.min():.2f} to {row.max():.2f})" for row in times]
        ratio = np.median(times[1] / times[0])
        kilobytes = np.mean([len(data) for data in files]) / 1000
        lines.append(
            f"| {size[0]} x {size[1]} | {kilobytes:.0f} | {' | '.join(cells)} | {ratio:.1f}x |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        with open(ROOT / "benchmarks" / "RESULTS.md", "a", encoding="utf-8") as file:
            file.write("\n" + text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="append to benchmarks/RESULTS.md")
    return parser.parse_args()


def photographs(size: tuple[int, int], count: int) -> list[bytes]:
    """`count` JPEG files of `size` (width, height), the same at every call."""
    stamps = sorted(STAMPS.glob("**/*.png"), key=lambda path: -path.stat().st_size)[: 4 * count]
    rng = np.random.default_rng(0)
    files = []
    for number in sorted(rng.choice(len(stamps), count, replace=False).tolist()):
        with Image.open(stamps[number]) as stamp:
            coloured = stamp.convert("RGBA")
        shades = Image.fromarray(rng.integers(60, 220, (3, 4, 3)).astype(np.uint8))
        page = shades.resize(coloured.size, Image.Resampling.BICUBIC).convert("RGBA")
        page.alpha_composite(coloured)
        enlarged = np.asarray(page.convert("RGB").resize(size, Image.Resampling.BICUBIC))
        grain = rng.normal(0, 4, enlarged.shape[:2])[..., np.newaxis]
        pixels = np.clip(enlarged + grain, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
        files.append(buffer.getvalue())
    return files


def ours(data: bytes) -> NDArray[np.uint8]:
    return views(with_channels(decode_for(data, INPUT, name="x").pixels, 3), INPUT)[0]


def pillow_in_full(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return resized(image.convert("RGB"))


def pillow_draft(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (SIDE, SIDE))
        return resized(image.convert("RGB"))


def resized(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


WAYS: dict[str, Callable[[bytes], NDArray[np.uint8]]] = {
    "ours": ours,
    "Pillow in full, resized": pillow_in_full,
    "Pillow draft, resized": pillow_draft,
}


def measured(files: list[bytes], rounds: int) -> NDArray[np.float64]:
    """(ways, pictures) milliseconds, the shortest of all rounds."""
    best = np.full((len(WAYS), len(files)), np.inf)
    for _ in range(rounds):
        for column, data in enumerate(files):
            for row, way in enumerate(WAYS.values()):
                started = time.perf_counter()
                way(data)
                elapsed = (time.perf_counter() - started) * 1e3
                best[row, column] = min(best[row, column], elapsed)
    return best


if __name__ == "__main__":
    main()
