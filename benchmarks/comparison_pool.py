"""Train the pool of runs that `benchmarks/comparison.py` draws its comparisons from.

Several hundred runs of one small recipe, and of some that are worse because they stop earlier, on
5,000 pictures and validated on 2,000. What is kept is which validation picture each run was right
about, in one file outside the repository; a repeat goes on where it stopped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.predictions import load_predictions
from kenspeckle.recipes.catalog import build_recipe
from kenspeckle.runs import to_end, training

TRAIN, VALIDATION, TEST = 5000, 2000, 500
SETTINGS = ("threads=1", "splits.folds=0", f"splits.validation={VALIDATION / (TRAIN + VALIDATION)}")
PLAN = {  # source and epochs of `swift`: runs
    ("mnist", 2.0): 150,
    ("fashion-mnist", 2.0): 150,
    ("mnist", 1.7): 60,
    ("mnist", 1.4): 60,
    ("mnist", 1.1): 60,
}


def main() -> None:
    """Train what is missing of the plan."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="the .npz to write, outside the repository")
    options = parser.parse_args()
    right = load(options.file)
    for (source, epochs), runs in PLAN.items():
        name, data = f"{source}-{epochs:g}", sample(source)
        done = list(right.get(name, []))
        for seed in range(len(done), runs):
            done.append(correctness(data, epochs, seed))
            if seed % 10 == 9:
                right[name] = np.array(done)
                np.savez_compressed(options.file, **right)
                print(f"{name}: {seed + 1} of {runs}, {np.mean(done):.3%}", flush=True)


def load(path: Path) -> dict[str, np.ndarray]:
    """What is right, (runs, pictures) for each configuration."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def sample(source: str) -> Dataset:
    """The same pictures of `source` for every run."""
    data, rng = open_dataset(source), np.random.default_rng(0)
    learn, test = np.flatnonzero(~data.official_test), np.flatnonzero(data.official_test)
    chosen = [rng.permutation(learn)[: TRAIN + VALIDATION], rng.permutation(test)[:TEST]]
    return data.take(np.sort(np.concatenate(chosen)))


def correctness(data: Dataset, epochs: float, seed: int) -> np.ndarray:
    """Which validation pictures one run is right about, (VALIDATION,)."""
    settings = config.override(
        build_recipe("swift"), [*SETTINGS, f"train.epochs={epochs}", f"seed={seed}"]
    )
    with tempfile.TemporaryDirectory() as folder:
        run = to_end(training(settings, out=Path(folder) / "run", dataset=data)).run
        made = load_predictions(run.predictions_file("validation"))
    assert len(made) == VALIDATION
    return made.predicted == made.labels


if __name__ == "__main__":
    main()
