"""Do exported models answer as their runs do? All test pictures, in batches of 1 to 64.

    python benchmarks/parity.py RUN...

Labels are not looked at. Of a run on picture files, the files themselves are compared as well.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import kenspeckle as ks
from kenspeckle.assessment import open_for
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.data.splits import draw
from kenspeckle.inference import predictions
from kenspeckle.onnx_model import load_onnx

LARGEST = 64  # pictures in a batch


def batches(count: int) -> Iterator[slice]:
    """Batches of 1, 2, ... 64, 1, 2, ... pictures until all have been in one."""
    start = 0
    for size in itertools.cycle(range(1, LARGEST + 1)):
        if start >= count:
            return
        yield slice(start, start + size)
        start += size


def test_pictures(run: ks.Run) -> Dataset:
    data = open_for(run.config.source, run)
    return data.take(draw(data, run.config.splits).indices("test"))


def answers_of(file: Path, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """The probabilities (N, K) by ONNX Runtime, and the seconds for all."""
    model = load_onnx(file, threads=1)
    start = time.perf_counter()
    shares = [model.probabilities(images[part]) for part in batches(len(images))]
    return np.concatenate(shares), time.perf_counter() - start


def row(path: str, folder: Path) -> str:
    run = ks.open_run(path)
    file = folder / "model.onnx"
    parity = ks.export(run, out=file, pictures=1000).parity
    data, classifier = test_pictures(run), ks.load(run.model_file)
    expected = predictions(
        classifier.network,
        dataset_views(data, classifier.preprocess),
        classifier.head,
        split="test",
        temperature=classifier.temperature,
    ).probabilities
    found, seconds = answers_of(file, data.images[:])
    equal = (found.argmax(axis=1) == expected.argmax(axis=1)).mean()
    worst = np.abs(found - expected).max()
    by_files = max(item.max_difference for item in parity.paths if item.against != "evaluation")
    return (
        f"| {run.name} | {classifier.architecture.name} | {classifier.preprocess.kind} "
        f"| {len(data):,} | {equal:.2%} | {worst:.1e} | {parity.pictures:,} | {by_files:.1e} "
        f"| {len(parity.disagreements)} | {1000 * seconds / len(data):.2f} |"
    )


def main() -> int:
    print(
        "| run | network | framing | test pictures | same label | largest difference "
        "| files | largest difference | labels that differ | ms a picture |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for path in sys.argv[1:]:
            print(row(path, Path(folder)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
