"""Whether all ways from a picture to an answer give the same answer, on the user's own pictures.

Probabilities are compared with probabilities, never with labels: no score is computed, so the test
split stays as untouched as it was, and no opening is counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle import device
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import dataset_views
from kenspeckle.errors import DataError, ModelFileError
from kenspeckle.inference import answers, predictions
from kenspeckle.model_file import Classifier, load
from kenspeckle.onnx_model import OnnxModel
from kenspeckle.parity_pictures import Material, Sample, gather
from kenspeckle.prediction import Opened, open_picture
from kenspeckle.run_folder import Run

Shares = NDArray[np.float32]  # (N, K)
FilesPath = Callable[[Sequence[Path]], Shares]  # an answer for each of some picture files
LIMIT = 1e-4  # of the difference between two probabilities
PICTURES = 100  # of the split
EVALUATION, PREDICT, ARRAYS = "evaluation", "predict", "arrays"


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A picture of which two ways name different classes."""

    picture: str
    path: str
    label: str
    expected: str


@dataclass(frozen=True, kw_only=True)
class PathParity:
    """How far one way is from the one that it is compared with."""

    name: str
    against: str
    compared: int  # pictures
    max_difference: float  # of any probability


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What was compared, and how alike the answers are."""

    split: str
    pictures: int  # files
    unusable: tuple[str, ...]  # pictures in which no way finds anything, with the reason
    paths: tuple[PathParity, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def max_difference(self) -> float:
        """Of any probability, on any way."""
        return max(path.max_difference for path in self.paths)

    def require(self, name: str) -> None:
        """Raise `ModelFileError`, which begins with `name`, where answers differ too much."""
        worst = max(self.paths, key=lambda path: path.max_difference)
        if not worst.max_difference <= LIMIT:
            raise ModelFileError(
                f"{name}: not written, since {worst.name} and {worst.against} differ by "
                f"{worst.max_difference:.2g} in a probability (at most {LIMIT:g}); "
                f"{len(self.disagreements)} labels differ"
            )


def prove(
    run: Run,
    exported: Callable[[NDArray[np.uint8]], Shares],
    *,
    of_files: FilesPath,
    name: str,
    source: str | Path | Dataset | None = None,
    pictures: int = PICTURES,
    paths: Mapping[str, FilesPath] | None = None,
) -> Parity:
    """Compare the exported model called `name`, and any other `paths`, with the run itself.

    `exported` answers for arrays (N, H, W, C) and `of_files` for files. Each of `paths`, such as a
    server, answers for picture files. Raises `DataError` where there is no picture to compare.
    """
    classifier = load(run.model_file)
    device.prepare(device.choose("cpu", "fp32", run.config.threads))
    material = gather(run, source, most=pictures)
    evaluated = _evaluated(classifier, material)
    arrays = np.concatenate([exported(picture[np.newaxis]) for picture in material.dataset.images])
    comparison = _Comparison(classifier.class_names)
    names = [f"{material.split} picture {row}" for row in range(len(material.dataset))]
    comparison.add(f"{name} on {ARRAYS}", EVALUATION, names, arrays, evaluated)
    usable, opened, unusable = _usable(classifier, material.samples)
    if not usable:
        raise DataError(f"{run.path}: none of its pictures can be used to compare answers")
    predicted = np.stack([row for row, _ in answers(classifier, opened)])
    rows = [sample.row for sample in usable]
    known = [place for place, row in enumerate(rows) if row is not None]
    if known:
        expected = evaluated[[row for row in rows if row is not None]]
        comparison.add(
            PREDICT, EVALUATION, [usable[place].name for place in known], predicted[known], expected
        )
    with tempfile.TemporaryDirectory(prefix="kenspeckle-") as folder:
        files = _written(Path(folder), usable)
        for path, answer in {name: of_files, **(paths or {})}.items():
            comparison.add(path, PREDICT, [item.name for item in usable], answer(files), predicted)
    return Parity(
        split=material.split,
        pictures=len(usable),
        unusable=unusable,
        paths=tuple(comparison.paths),
        disagreements=tuple(comparison.disagreements),
    )


def answers_of(model: OnnxModel) -> FilesPath:
    """An exported model as a way from picture files to answers."""
    about = model.about.description

    def answer(files: Sequence[Path]) -> Shares:
        rows = []
        for file in files:
            opened = open_picture(file, about.preprocess, channels=about.shape[0])
            rows.append(model.shares(opened)[0])
        return np.stack(rows)

    return answer


class _Comparison:
    """What was found so far."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        self.class_names = class_names
        self.paths: list[PathParity] = []
        self.disagreements: list[Disagreement] = []

    def add(
        self, path: str, against: str, names: Sequence[str], found: Shares, expected: Shares
    ) -> None:
        """Compare (N, K) with (N, K)."""
        difference = np.abs(found.astype(np.float64) - expected)
        worst = float(difference.max()) if np.isfinite(difference).all() else float("inf")
        self.paths.append(
            PathParity(name=path, against=against, compared=len(names), max_difference=worst)
        )
        labels, wanted = found.argmax(axis=1), expected.argmax(axis=1)
        for place in np.flatnonzero(labels != wanted).tolist():
            self.disagreements.append(
                Disagreement(
                    picture=names[place],
                    path=path,
                    label=self.class_names[labels[place]],
                    expected=self.class_names[wanted[place]],
                )
            )


def _evaluated(classifier: Classifier, material: Material) -> Shares:
    """What `ken evaluate` computes before it counts anything right or wrong."""
    made = predictions(
        classifier.network,
        dataset_views(material.dataset, classifier.preprocess),
        classifier.head,
        split=material.split,
        temperature=classifier.temperature,
    )
    return made.probabilities


def _usable(
    classifier: Classifier, samples: Sequence[Sample]
) -> tuple[list[Sample], list[Opened], tuple[str, ...]]:
    """The samples that can be opened, opened, and why others cannot."""
    usable, opened, unusable = [], [], []
    with tempfile.TemporaryDirectory(prefix="kenspeckle-") as folder:
        files = _written(Path(folder), samples)
        for sample, file in zip(samples, files, strict=True):
            try:
                found = open_picture(file, classifier.preprocess, channels=classifier.shape[0])
            except DataError as error:
                unusable.append(f"{sample.name}: {str(error).removeprefix(f'{file}: ')}")
                continue
            usable.append(sample)
            opened.append(found.reduced())
    return usable, opened, tuple(unusable)


def _written(folder: Path, samples: Sequence[Sample]) -> list[Path]:
    """The samples as files of plain names, whatever they are called."""
    files = []
    for number, sample in enumerate(samples):
        suffix = Path(sample.name).suffix.lower()
        files.append(folder / f"{number:06}{suffix}")
        files[-1].write_bytes(sample.data)
    return files
