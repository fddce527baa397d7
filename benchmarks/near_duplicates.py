"""Measure how many planted copies of pictures are found, and how many unrelated ones are joined.

    PYTHONPATH=. python benchmarks/near_duplicates.py --seeds 5

Planted are 500 exact and 500 near copies of drawings for each seed; digits and clothes are only
searched. The table goes to stdout.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.near_duplicates import Duplicates, near_duplicates
from kenspeckle.data.sources.idx import folder_dataset
from kenspeckle.data.sources.mnist import mnist
from kenspeckle.data.thumbnails import thumbnail

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from near_copies import CHANGES, FORMATS, Planted, digests, drawings, planted

FASHION = Path("/usr/share/datasets/fashion-mnist")
SAME = (  # stamps that are one drawing, as seen by eye, apart from colour
    {"l_filled.png", "I_filled.png"},
    {"l_outline.png", "I_outline.png"},
    {"whiteflag.png", "yellowflag.png"},
)


def main() -> None:
    """Run everything and print it as Markdown; times are of the processor, on one thread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=500, help="of each kind")
    parser.add_argument("--searches", type=int, default=6, help="of the large sets, how many")
    options = parser.parse_args()
    paths, pictures = drawings()
    print(f"{len(pictures)} drawings ({'stamps' if paths else 'rendered'})\n")
    if options.seeds:
        planted_copies(paths, pictures, range(1000, 1000 + options.seeds), options.copies)
    searches(options.searches)


def planted_copies(
    paths: Sequence[Path],
    pictures: Sequence[NDArray[np.uint8]],
    seeds: Sequence[int],
    copies: int,
) -> None:
    """Recall by change, and drawings joined to others."""
    hits: dict[str, list[bool]] = {name: [] for name in ("all", *CHANGES, *FORMATS)}
    print("| seed | exact found | near found | drawings joined | by hash alone | processor s |")
    print("|---|---|---|---|---|---|")
    for seed in seeds:
        truth = planted(pictures, exact=copies, near=copies, seed=seed)
        start = time.process_time()
        found = near_duplicates(truth.thumbnails, truth.digests)
        seconds = time.process_time() - start
        hashed = near_duplicates(truth.thumbnails, truth.digests, confirmation="none")
        members = {index: set(group) for group in found.exact for index in group}
        exact = [copy in members.get(original, ()) for original, copy in truth.exact]
        near = [found.group[original] == found.group[copy] for original, copy in truth.near]
        for hit, changes in zip(near, truth.changes, strict=True):
            for name in ("all", *changes):
                hits[name].append(bool(hit))
        print(
            f"| {seed} | {np.mean(exact):.1%} | {np.mean(near):.1%} | {joined(found, truth, paths)}"
            f" | {joined(hashed, truth, paths)} | {seconds:.1f} |"
        )
    print("\n| change | near copies found | n |\n|---|---|---|")
    for name, found_ones in hits.items():
        print(f"| {name} | {np.mean(found_ones):.1%} | {len(found_ones):,} |")


def joined(found: Duplicates, truth: Planted, paths: Sequence[Path]) -> str:
    """Share of the originals in one group with another original that is not the same drawing."""
    count = 0
    for group in found.near:
        originals = {index for index in group if index < truth.originals}
        names = {paths[index].name for index in originals} if paths else set()
        is_same = any(names <= same for same in SAME)
        equal = len({truth.digests[index].tobytes() for index in originals}) == 1
        count += len(originals) if len(originals) > 1 and not is_same and not equal else 0
    return f"{count / truth.originals:.2%}"


def searches(count: int) -> None:
    """Time, and pictures joined, where nothing is planted."""
    if not count:
        return
    sets = {"MNIST": np.asarray(mnist().images[:])[..., 0]}
    if FASHION.exists():
        fashion = folder_dataset(FASHION, source="fashion-mnist")
        sets["Fashion-MNIST"] = np.asarray(fashion.images[:])[..., 0]
    small = {
        name: np.stack([thumbnail(image[..., np.newaxis]) for image in images])
        for name, images in sets.items()
    }
    noise = natural(200_000, seed=0)
    cases = {
        "noise of natural spectrum": noise,
        "60,000 of it and all below": np.concatenate([noise[:60_000], *small.values()]),
    }
    cases |= {f"{name}, 30,000 not tuned on": images[20000:50000] for name, images in small.items()}
    cases |= {f"{name}, all": images for name, images in small.items()}
    print("\n| pictures | n | joined | largest group | bits | pixel limit | search | processor s |")
    print("|---|---|---|---|---|---|---|---|")
    for name, images in list(cases.items())[:count]:
        keys = digests(images)
        start = time.process_time()
        found = near_duplicates(images, keys)
        seconds = time.process_time() - start
        share = sum(map(len, found.near)) / len(images)
        limits = found.limits
        print(
            f"| {name} | {len(images):,} | {share:.2%} | {max(map(len, found.near), default=0)} | "
            f"{limits.hash_distance} | {limits.pixel_distance:.4f} | {limits.method} | "
            f"{seconds:.1f} |",
            flush=True,
        )


def natural(count: int, *, seed: int) -> NDArray[np.uint8]:
    """Thumbnails of noise whose amplitude falls with frequency as that of photographs does."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(32)[:, np.newaxis], np.fft.rfftfreq(32))
    frequency[0, 0] = 1
    images = np.empty((count, 32, 32), dtype=np.uint8)
    for start in range(0, count, 5000):
        noise = rng.normal(size=(len(images[start : start + 5000]), 32, 32))
        waves = np.fft.irfft2(np.fft.rfft2(noise) / frequency, s=(32, 32))
        waves = (waves - waves.mean((1, 2), keepdims=True)) / waves.std((1, 2), keepdims=True)
        images[start : start + 5000] = np.clip(waves * 45 + 128, 0, 255)
    return images


if __name__ == "__main__":
    main()
