"""Picture files on which an exported model must answer as the run does: those of its own data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kenspeckle.assessment import open_for
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.evenly import evenly
from kenspeckle.data.place import read_place
from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.sources.detect import list_pictures
from kenspeckle.data.splits import TEST, VALIDATION, draw
from kenspeckle.errors import DataError, PictureError
from kenspeckle.run_folder import Run

_ENCODED = 12  # pictures of arrays that are written as files of several kinds


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture file, and the item of the split that it is, where it is one."""

    name: str
    data: bytes
    row: int | None  # of `Material.dataset`; None = a copy in another form


@dataclass(frozen=True, kw_only=True)
class Material:
    """The pictures of a split, as evaluation gets them and as files."""

    split: str  # "test", "validation" or "all"
    dataset: Dataset
    samples: tuple[Sample, ...]


def gather(run: Run, source: str | Path | Dataset | None, *, most: int) -> Material:
    """At most `most` pictures of the test split, else of validation, or of other data.

    Their labels are not looked at: answers are compared with answers. So the test split is not
    opened, and nothing is counted. Raises `DataError` where the data cannot be read.
    """
    data = open_for(source or run.config.source, run)
    split, rows = "all", np.arange(len(data))
    if data.fingerprint == run.ledger["fingerprint"]:
        splits = draw(data, run.config.splits)
        split = TEST if len(splits.indices(TEST)) else VALIDATION
        rows = splits.indices(split)
    rows = rows[evenly(len(rows), most)]
    dataset = data.take(rows)
    made = _originals(data, rows, run) if data.origin else _encoded(dataset, run.config.preprocess)
    return Material(split=split, dataset=dataset, samples=tuple(made))


def _originals(data: Dataset, rows: NDArray[np.int64], run: Run) -> Iterator[Sample]:
    """The files that the items were decoded from."""
    listing = list_pictures(data.source, run.config.data)
    if listing is None or data.origin is None:
        raise DataError(f"{data.source}: its picture files are not there any more")
    places = {item.name: item.place for item in listing.items}
    for row, index in enumerate(rows):
        name = data.origin.pictures[index].name
        if name not in places:
            raise PictureError(f"{name}: is gone", reason="missing")
        yield Sample(name=name, data=read_place(places[name], name=name), row=row)


def _encoded(dataset: Dataset, preprocess: PreprocessConfig) -> Iterator[Sample]:
    """Arrays as files: each without loss, and some as what people have."""
    for row, picture in enumerate(dataset.images[:]):
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        # ink moves digits that are not where it would put them, which evaluation leaves alone
        alike = preprocess.kind != "ink" or _is_left_alone(picture, preprocess)
        yield _sample(f"{row}.png", image, "PNG", row=row if alike else None)
    for row in evenly(len(dataset), _ENCODED):
        picture = dataset.images[row]
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        for name, form, copy in _forms(image):
            yield _sample(f"{row}-{name}", copy, form, row=None)


def _is_left_alone(picture: NDArray[np.uint8], preprocess: PreprocessConfig) -> bool:
    try:
        seen = prepare(picture, preprocess, channels=picture.shape[-1])
    except DataError:
        return False
    return np.array_equal(seen[0], picture)


def _forms(image: Image.Image) -> Iterator[tuple[str, str, Image.Image]]:
    """The modes and sizes in which pictures come: name, format, picture."""
    width, height = image.size
    large = image.resize((3 * width + 1, 2 * height + 3), Image.Resampling.BICUBIC)
    yield "photo.jpg", "JPEG", large
    yield "small.png", "PNG", image.resize((max(1, width - 3), height + 5))
    yield "palette.png", "PNG", image.convert("RGB").quantize(64)
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(image.size))
    yield "alpha.png", "PNG", alpha
    deep = np.asarray(image.convert("L"), dtype=np.uint16) * 257
    yield "deep.png", "PNG", Image.fromarray(deep)
    yield "colour.webp", "WEBP", large.convert("RGB")


def _sample(name: str, image: Image.Image, form: str, *, row: int | None) -> Sample:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return Sample(name=name, data=buffer.getvalue(), row=row)
