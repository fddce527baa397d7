"""Pictures in folders: accuracy of the first stage on real pictures, beside two baselines.

The task: the top-level subjects of Debian's `tuxpaint-stamps-default` with at least 30 pictures
(PNG only), 5 seeds x 5 folds; near copies of a picture are always in one fold.

    python benchmarks/pictures.py            # the table, as Markdown
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from kenspeckle import config, device
from kenspeckle.backbones import backbone
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.evaluation.linear_head import fit_linear_head
from kenspeckle.experiments.transfer import stamps
from kenspeckle.features import features
from kenspeckle.folds import grouped_folds
from kenspeckle.inference import outputs
from kenspeckle.model_file import load
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.runs import to_end, training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scratch-seeds", type=int, default=1, help="of the ResNet, which is slow")
    parser.add_argument("--scratch-folds", type=int, default=5, help="of its five, to be told")
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args()
    compute = device.choose("cpu", "auto", chosen.threads)
    device.prepare(compute)
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        data = stamps(Path(place) / "stamps")
        decoding = time.perf_counter() - began
        source = backbone("lite0")
        began = time.perf_counter()
        found = features(source, data.images, compute)
        seconds = time.perf_counter() - began
        counts = dict(zip(data.class_names, np.bincount(data.labels).tolist(), strict=True))
        print(f"{len(data)} pictures: {counts}; load {os.getloadavg()[0]:.1f}")
        print(f"decoding (cold unless cached) {decoding:.1f} s, features {seconds:.1f} s")
        rows = {
            "head on lite0 features": [
                accuracy_of_head(data, found, seed) for seed in range(chosen.seeds)
            ],
            "nearest neighbour, lite0 features (cosine)": [
                accuracy_of_neighbour(data, normed(found), seed) for seed in range(chosen.seeds)
            ],
            "nearest neighbour, pixels of 32 x 32": [
                accuracy_of_neighbour(data, normed(small(data)), seed)
                for seed in range(chosen.seeds)
            ],
        }
        began = time.perf_counter()
        with threadpool_limits(1):  # as training does
            fit_linear_head(found, data.labels, classes=len(data.class_names), groups=data.groups)
        print(f"head with cross-validation {time.perf_counter() - began:.2f} s")
        scratch = [
            counts_of_scratch(
                data, Path(place), seed, folds=chosen.scratch_folds, threads=chosen.threads
            )
            for seed in range(chosen.scratch_seeds)
        ]
    print("\n| method | accuracy | sd over seeds | n | seeds |\n|---|---|---|---|---|")
    for name, values in rows.items():
        print(row(name, values, len(data)))
    if scratch:
        name = "ResNet from random weights (recipe photos)"
        print(row(name, [right / n for right, n in scratch], scratch[0][1]))
        interval = wilson(*scratch[0])
        print(f"\nResNet, seed 0: {interval.low:.2%} to {interval.high:.2%}, n={scratch[0][1]}")


def row(name: str, values: list[float], count: int) -> str:
    spread = f"{np.std(values, ddof=1):.2%}" if len(values) > 1 else "-"
    return f"| {name} | {np.mean(values):.2%} | {spread} | {count} | {len(values)} |"


def folds_of(data: Dataset, seed: int) -> np.ndarray:
    """Five folds, other ones for each seed."""
    names = np.random.default_rng(seed).permutation(int(data.groups.max()) + 1)
    return grouped_folds(data.labels, names[data.groups], folds=5)


def accuracy_of_head(data: Dataset, found: np.ndarray, seed: int) -> float:
    """Strength chosen inside the training part of each fold."""
    right = 0
    for fold in range(5):
        held = folds_of(data, seed) == fold
        head = fit_linear_head(
            found[~held],
            data.labels[~held],
            classes=len(data.class_names),
            groups=data.groups[~held],
        )
        said = (found[held] @ head.weights.T + head.bias).argmax(axis=1)
        right += int((said == data.labels[held]).sum())
    return right / len(data)


def accuracy_of_neighbour(data: Dataset, found: np.ndarray, seed: int) -> float:
    right = 0
    for fold in range(5):
        held = folds_of(data, seed) == fold
        nearest = (found[held] @ found[~held].T).argmax(axis=1)
        right += int((data.labels[~held][nearest] == data.labels[held]).sum())
    return right / len(data)


def counts_of_scratch(
    data: Dataset, place: Path, seed: int, *, folds: int, threads: int
) -> tuple[int, int]:
    """How many are told rightly, and of how many, by the model of the last epoch.

    The recipe for pictures without pretrained weights, in `folds` of the five folds.
    """
    fold_of, right, count = folds_of(data, seed), 0, 0
    settings = ["train.keep=last", "train.patience=0", "splits.folds=0"]
    settings += [f"seed={seed}", f"threads={threads}"]
    for fold in range(folds):
        began = time.perf_counter()
        held = np.flatnonzero(fold_of == fold)
        train = data.take(np.flatnonzero(fold_of != fold))
        chosen = config.override(build_recipe("photos"), settings)
        end = to_end(training(chosen, out=place / f"scratch-{seed}-{fold}", dataset=train))
        model = load(end.run.model_file)
        (view,) = dataset_views(data.take(held), model.preprocess)
        said = outputs(model.network, view.images).argmax(dim=1).numpy()
        right += int((said == data.labels[held]).sum())
        count += len(held)
        seconds = time.perf_counter() - began
        print(f"ResNet, seed {seed}, fold {fold}: {right} of {count} so far ({seconds:.0f} s)")
    return right, count


def small(data: Dataset) -> np.ndarray:
    """(N, 3072) pixels, reduced."""
    images = torch.from_numpy(data.images[:]).permute(0, 3, 1, 2).float()
    return torch.nn.functional.adaptive_avg_pool2d(images, 32).flatten(1).numpy()


def normed(found: np.ndarray) -> np.ndarray:
    centred = found - found.mean(axis=0)
    return centred / np.linalg.norm(centred, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
