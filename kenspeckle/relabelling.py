"""Mislabelled items: list them for review, apply what the reviewer decided, and undo that.

The source is never changed: decisions go into a file beside it (kenspeckle.data.corrections).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.corrections import (
    COLUMNS,
    Correction,
    check_of,
    corrected,
    item_names,
    read_corrections,
    rows_of,
    write_rows,
)
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.sources.detect import locate, open_dataset
from kenspeckle.data.splits import VALIDATION, draw, members_of
from kenspeckle.diagnosis.look_alikes import small_rows
from kenspeckle.errors import DataError
from kenspeckle.evaluation.label_quality import suspects
from kenspeckle.explain.vectors import before_head, vectors
from kenspeckle.model_file import load
from kenspeckle.out_of_fold import out_of_fold
from kenspeckle.predictions import Predictions, load_predictions
from kenspeckle.recipes.choice import choose
from kenspeckle.run_folder import CONFIG, Run, open_run
from kenspeckle.settings import RunConfig
from kenspeckle.storage import write_file

NEIGHBOURS = 3
_NEAR = tuple(f"neighbour{number}" for number in range(1, NEIGHBOURS + 1))
REVIEW = ("item", "check", "label", "suggested", "margin", *_NEAR, "correct")


@dataclass(frozen=True, kw_only=True)
class Review:
    """What was written or decided, and where."""

    file: Path
    items: int  # suspects that were listed, or labels that are corrected
    of: int  # items that were judged; 0 where none were
    advice: str


def write_review(
    target: str | Path | Run | Dataset,
    file: str | Path,
    *,
    recipe: str = "",
    settings: Iterable[str] = (),
    dataset: Dataset | None = None,
    progress: Progress | None = None,
) -> Review:
    """List the items of a run or a source whose label is probably wrong, the worst first.

    Trains on folds, unless the run did so. The reviewer leaves in the column `correct` what the
    label should be, and empties it where the label is right. Raises as `diagnose` does.
    """
    data, asked, run = _opened(target, recipe, settings, dataset)
    members, said = _told(data, asked, run, progress)
    found = suspects(said.probabilities, said.labels)
    near = _nearest(data.take(members), found.items, run)
    names, classes = item_names(data), data.class_names
    rows = []
    for place, item in enumerate(found.items):
        index = int(members[item])
        around = [f"{names[members[i]]} ({classes[said.labels[i]]})" for i in near[place]]
        suggested = classes[found.suggested[place]]
        rows.append(
            {
                "item": names[index],
                "check": check_of(data, index),
                "label": classes[said.labels[item]],
                "suggested": suggested,
                "margin": f"{found.margins[place]:.4f}",
                **dict(zip(_NEAR, around, strict=False)),
                "correct": suggested,
            }
        )
    write_rows(Path(file), REVIEW, rows)
    return Review(
        file=Path(file),
        items=len(rows),
        of=len(members),
        advice=f"look at each, empty `correct` where the label is right, then --review {file} "
        "--apply",
    )


def apply_review(
    target: str | Path | Run | Dataset, file: str | Path, *, settings: Iterable[str] = ()
) -> Review:
    """Keep what a reviewed file says in the corrections beside the source, and check all of it."""
    data, asked, _ = _opened(target, "", settings, None, is_plain=True)
    decided = [
        Correction(
            item=row["item"], check=row["check"], label=row["label"], correct=row["correct"].strip()
        )
        for _, row in rows_of(file, ("item", "check", "label", "correct"))
        if row["correct"].strip() and row["correct"].strip() != row["label"]
    ]
    path = corrections_file(asked.source)
    before = {item.item: item for item in (read_corrections(path) if path.exists() else [])}
    for item in decided:  # reviewed again after a correction: the source's own label stays known
        known = before.get(item.item)
        before[item.item] = replace(item, label=known.label) if known else item
    rows = [vars(item) for item in before.values() if item.label != item.correct]
    was = path.read_bytes() if path.exists() else None
    write_rows(path, COLUMNS, rows)
    try:
        corrected(data, path)
    except DataError:
        if was is None:
            path.unlink()
        else:
            write_file(path, was)
        raise
    return Review(file=path, items=len(rows), of=0, advice=f"--set data.corrections={path}")


def undo_review(target: str | Path | Run | Dataset, file: str | Path) -> Review:
    """Take what a reviewed file decided out of the corrections beside the source."""
    path = corrections_file(_source_of(target))
    if not path.exists():
        raise DataError(f"{path}: nothing to undo, no corrections were applied")
    undone = {row["item"] for _, row in rows_of(file, ("item",))}
    kept = [item for item in read_corrections(path) if item.item not in undone]
    if kept:
        write_rows(path, COLUMNS, [vars(item) for item in kept])
        return Review(file=path, items=len(kept), of=0, advice=f"--set data.corrections={path}")
    path.unlink()
    return Review(file=path, items=0, of=0, advice="train without data.corrections")


def corrections_file(source: str) -> Path:
    """Beside the source; for the name of a source, in the folder where we are."""
    found = Path(locate(source).partition(":")[0])
    return found.with_name(f"{found.name}.corrections.csv")


def _source_of(target: str | Path | Run | Dataset) -> str:
    if isinstance(target, Dataset):
        return target.source
    if isinstance(target, Run) or (Path(target) / CONFIG).is_file():
        return (target if isinstance(target, Run) else open_run(target)).config.source
    return str(target)


def _opened(
    target: str | Path | Run | Dataset,
    recipe: str,
    settings: Iterable[str],
    dataset: Dataset | None,
    *,
    is_plain: bool = False,
) -> tuple[Dataset, RunConfig, Run | None]:
    """The data, the settings and the run, if it is one; `is_plain`: without corrections."""
    run = None
    if isinstance(target, Dataset):
        return target, choose(target, recipe=recipe, settings=settings).config, None
    if isinstance(target, Run) or (Path(target) / CONFIG).is_file():
        run = target if isinstance(target, Run) else open_run(target)
        asked = run.config
    else:
        asked = choose(target, recipe=recipe, settings=settings).config
    how = replace(asked.data, corrections="") if is_plain else asked.data
    data = dataset or open_dataset(asked.source, data=how, preprocess=asked.preprocess)
    return data, asked, run


def _told(
    data: Dataset, asked: RunConfig, run: Run | None, progress: Progress | None
) -> tuple[NDArray[np.int64], Predictions]:
    """Out-of-fold predictions: those of the run, where it was validated by folds."""
    if run and run.is_finished and asked.splits.folds > 0:
        members = members_of(draw(data, asked.splits))
        said = load_predictions(run.predictions_file(VALIDATION))
        if np.array_equal(said.labels, data.labels[members]):
            return members, said
    return out_of_fold(data, asked, progress=progress)


def _nearest(data: Dataset, items: NDArray[np.int64], run: Run | None) -> NDArray[np.int64]:
    """(n, 3) items most like each of `items` that are not suspected themselves."""
    if not len(items):
        return np.empty((0, NEIGHBOURS), dtype=np.int64)
    rows = small_rows(data.images)
    if run and run.is_finished:
        classifier = load(run.model_file)
        if classifier.shape == (data.images.shape[3], *data.images.shape[1:3]):
            layer = before_head(classifier.network, data.images)
            rows = vectors(classifier.network, data.images, layer)
            rows /= np.maximum(1e-9, np.linalg.norm(rows, axis=1, keepdims=True))
    trusted = np.setdiff1d(np.arange(len(data)), items)
    found = []
    for part in np.array_split(items, -(-len(items) // 500)):
        likeness = rows[part] @ rows[trusted].T
        found.append(trusted[np.argsort(-likeness, axis=1, kind="stable")[:, :NEIGHBOURS]])
    return np.concatenate(found)
