"""Pictures a second, beside a plain PyTorch Dataset and DataLoader with Pillow and two workers.

Both do the same: decode, scale the shorter side, cut the middle, flip at random, normalise, and
hand over batches of 64 in float32. Photographs are synthesised: stamps of Tux Paint on rendered
textures of natural spectrum with sensor noise, saved as JPEG of quality 90.

    python benchmarks/throughput.py --size 500x375 --count 600
    python benchmarks/throughput.py --size 4000x3000 --count 60
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

import kenspeckle as ks
from kenspeckle import device
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.batches import Batches
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.models.layers import FixedScale, Scale

SIDE, BATCH = 224, 64
STAMPS = Path("/usr/share/tuxpaint/stamps")


class Plain(TorchDataset):
    """What a tutorial would write."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.rglob("*.jpg"))
        self.mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        self.deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as file:
            image = file.convert("RGB")
        scale = SIDE / min(image.size)
        size = max(SIDE, round(image.width * scale)), max(SIDE, round(image.height * scale))
        image = image.resize(size, Image.Resampling.BILINEAR)
        left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
        image = image.crop((left, top, left + SIDE, top + SIDE))
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        return (pixels - self.mean) / self.deviation, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", default="500x375")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    compute = device.choose("cpu", "fp32", 2)
    device.prepare(compute)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        kilobytes = synthesise(folder, chosen.count, width, height)
        print(f"{chosen.count} JPEGs of {chosen.size}, {kilobytes:.0f} kB each on average")
        os.environ["XDG_CACHE_HOME"] = str(Path(place) / "cache")
        ratios: dict[str, list[float]] = {"first epoch": [], "later epochs": []}
        for repeat in range(chosen.repeats):
            begun = processor_seconds()
            plain = plain_epoch(folder)
            spent = processor_seconds() - begun
            shutil.rmtree(Path(place) / "cache", ignore_errors=True)
            first, later, ours = our_epochs(folder)
            ratios["first epoch"].append(plain / first)
            ratios["later epochs"].append(plain / later)
            rates = [chosen.count / seconds for seconds in (plain, first, later)]
            print(
                f"run {repeat + 1}: plain {rates[0]:,.0f}, our first {rates[1]:,.0f}, "
                f"later {rates[2]:,.0f} pictures a second; load {os.getloadavg()[0]:.1f}; "
                f"processor ms a picture: plain {1000 * spent / chosen.count:.2f}, "
                f"our first {1000 * ours / chosen.count:.2f}"
            )
    for name, values in ratios.items():
        print(f"{name}: {np.mean(values):.2f} times ({min(values):.2f} to {max(values):.2f})")


def plain_epoch(folder: Path) -> float:
    loader = DataLoader(Plain(folder), batch_size=BATCH, num_workers=2, shuffle=True)
    began = time.perf_counter()
    for images, _ in loader:
        assert images.shape[2:] == (SIDE, SIDE)
    return time.perf_counter() - began


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def our_epochs(folder: Path) -> tuple[float, float, float]:
    """Seconds of the first epoch, with listing, decoding and caching, and of a later one.

    The third is the processor time of the first.
    """
    began, begun = time.perf_counter(), processor_seconds()
    size = PreprocessConfig(kind="crop", height=SIDE, width=SIDE)
    data = ks.open_dataset(folder, preprocess=size)
    batches = Batches(
        data, batch_size=BATCH, seed=0, augmentation=AugmentConfig(flip_horizontal=0.5)
    )
    scale = FixedScale(mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375))
    one_pass(batches, scale, 0)
    first, spent = time.perf_counter() - began, processor_seconds() - begun
    later = [one_pass(batches, scale, epoch) for epoch in range(1, 4)]
    return first, float(np.mean(later)), spent


def one_pass(batches: Batches, scale: Scale, epoch: int) -> float:
    began = time.perf_counter()
    with torch.no_grad():
        for batch in batches.epoch(epoch):
            scale(batch.images)
    return time.perf_counter() - began


def synthesise(folder: Path, count: int, width: int, height: int) -> float:
    """Write the pictures; their mean size in kilobytes."""
    rng = np.random.default_rng(0)
    stamps = sorted(STAMPS.rglob("*.png"))
    sizes = []
    for number in range(count):
        small = min(1.0, 500 / width)
        shape = round(height * small), round(width * small)
        spectrum = np.fft.rfft2(rng.normal(size=(3, *shape)))
        rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
        texture = np.fft.irfft2(spectrum / (np.hypot(rows, columns) + 0.005), s=shape)
        texture = 128 + 45 * texture / texture.std()
        pixels = np.clip(texture, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        with Image.open(stamps[int(rng.integers(len(stamps)))]) as stamp:
            drawn = stamp.convert("RGBA").resize((height // 2, height // 2))
        image.paste(drawn, (width // 3, height // 4), drawn)
        noisy = np.asarray(image, dtype=np.int16)
        noisy = noisy + rng.integers(-6, 7, noisy.shape, dtype=np.int16)
        path = folder / f"class{number % 2}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
        sizes.append(path.stat().st_size / 1000)
    return float(np.mean(sizes))


if __name__ == "__main__":
    main()
