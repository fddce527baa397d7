"""What is in a source, told before any training, with sheets of its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle import storage
from kenspeckle.backbones import backbone
from kenspeckle.choices import on_backbone
from kenspeckle.data.augment import augment
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.planes import to_bytes
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.reopening import read_again
from kenspeckle.data.splits import TRAIN, Splits, draw
from kenspeckle.device import generator
from kenspeckle.diagnosis.inspection import Inspection, inspect
from kenspeckle.interruption import uninterrupted
from kenspeckle.pages.contact_sheet import Row, contact_sheet
from kenspeckle.pages.grid import png
from kenspeckle.recipes.choice import choose

_ACROSS = 10  # pictures of a class
_CLASSES = 40  # rows of the contact sheet
_CHANGED = 8  # pictures whose augmentations are shown
_VERSIONS = 9


@dataclass(frozen=True, kw_only=True)
class Survey:
    """An inspection and the files that show what it is about."""

    inspection: Inspection
    files: tuple[Path, ...]


def inspect_data(
    source: str | Path | Dataset,
    *,
    recipe: str = "",
    settings: Iterable[str] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Look at all pictures of `source` and write a contact sheet, augmentations and mean picture.

    `recipe` and `settings` as for `train`, whose pictures these are. Raises `DataError` where the
    source holds nothing that could be trained on.
    """
    name = source.source if isinstance(source, Dataset) else str(source)
    asked = choose(source, recipe=recipe, settings=settings, progress=progress).config
    if asked.transfer.backbone:  # whose pictures have a size of their own
        asked = on_backbone(asked, backbone(asked.transfer.backbone))
    read, how = asked.data, asked.preprocess
    if isinstance(source, Dataset):
        data = read_again(source, data=read, preprocess=how, progress=progress)
    else:
        data = open_dataset(asked.source, data=read, preprocess=how, progress=progress)
    splits = draw(data, asked.splits)
    folder = Path(out) if out else Path(f"data-{Path(name).name.partition('.')[0] or 'source'}")
    found = inspect(data, splits)
    sheets = {
        "contact-sheet.png": _classes(data, splits),
        "augmented.png": _augmented(data, splits, asked.augment, seed=asked.seed),
        "mean.png": np.repeat(found.mean_image, 3 // found.mean_image.shape[2], axis=2),
    }
    written = {file: png(picture) for file, picture in sheets.items()}
    storage.make_folder(folder)
    with uninterrupted():
        for file, content in written.items():
            storage.write_file(folder / file, content)
    return Survey(inspection=found, files=tuple(folder / file for file in sheets))


def _classes(data: Dataset, splits: Splits) -> NDArray[np.uint8]:
    """Some training pictures of each class, evenly from the first to the last."""
    rows = []
    for label, name in enumerate(data.class_names[:_CLASSES]):
        members = splits.train[data.labels[splits.train] == label]
        chosen = members[evenly(len(members), _ACROSS)]
        rows.append(Row(name=name, about=f"{len(members):,} to train", images=data.images[chosen]))
    more = len(data.class_names) - _CLASSES
    title = f"{data.source}: training pictures" + (f", {more:,} more classes" if more > 0 else "")
    return contact_sheet(title, rows)


def _augmented(
    data: Dataset, splits: Splits, augmentation: AugmentConfig, *, seed: int
) -> NDArray[np.uint8]:
    """Training pictures, each beside what the augmentation makes of it."""
    chosen = splits.train[evenly(len(splits.train), _CHANGED)]
    rows = []
    for number, index in enumerate(chosen):
        image = data.images[int(index)]
        changed = versions(image, augmentation, _VERSIONS, seed=seed, number=number)
        name = data.class_names[data.labels[index]]
        both = np.concatenate([image[np.newaxis], changed])
        rows.append(Row(name=name, about="as it is, then changed", images=both))
    what = "nothing is changed" if augmentation.is_identity else "as training sees them"
    return contact_sheet(f"{data.source}: {len(chosen)} pictures and {what} ({TRAIN})", rows)


def versions(
    image: NDArray[np.uint8], augmentation: AugmentConfig, count: int, *, seed: int, number: int
) -> NDArray[np.uint8]:
    """What `augmentation` makes of `image` (H, W, C) in `count` draws: (count, H, W, C).

    Pictures of another `number` get other draws.
    """
    copies = np.repeat(image[np.newaxis], count, axis=0)
    pixels = torch.from_numpy(copies).permute(0, 3, 1, 2).float()
    changed = augment(pixels, augmentation, generator(seed, number, "augmentations shown"))
    return to_bytes(changed.permute(0, 2, 3, 1).double().numpy())
