"""What tables and TFRecord files list is decoded where it lies: in files, copies and ranges."""

import gzip
import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from tfrecord_files import tfrecord

from kenspeckle.data.pictures import picture_dataset
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.table import list_table
from kenspeckle.data.sources.tfrecord import list_tfrecord

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 7, 3)).astype(np.uint8)
LABELS = ["cat", "dog"] * 4


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def save_csv(folder):
    for number, pixels in enumerate(PIXELS):
        (folder / f"{number}.png").write_bytes(png(pixels))
    rows = [f"{number}.png,{label}\n" for number, label in enumerate(LABELS)]
    (folder / "x.csv").write_text("".join(rows))
    return list_table(folder / "x.csv", SourceConfig(), source="x", spool=folder)


def save_parquet(folder):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = pa.array([{"bytes": png(pixels), "path": None} for pixels in PIXELS], kind)
    parquet.write_table(pa.table({"image": cells, "label": LABELS}), folder / "x")
    return list_table(folder / "x", SourceConfig(), source="x", spool=folder / "spool")


def save_tfrecord(folder, pack=bytes):
    examples = [
        {"image/encoded": png(pixels), "image/class/text": label}
        for pixels, label in zip(PIXELS, LABELS, strict=True)
    ]
    (folder / "x").write_bytes(pack(tfrecord(examples)))
    return list_tfrecord([folder / "x"], SourceConfig(), source="x", spool=folder / "spool")


def save_gzip(folder):
    return save_tfrecord(folder, gzip.compress)


@pytest.mark.parametrize("save", [save_csv, save_parquet, save_tfrecord, save_gzip])
def test_pictures_are_decoded_from_where_they_lie(tmp_path, monkeypatch, save):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    listing = save(tmp_path)
    data = picture_dataset(listing, SourceConfig(), PreprocessConfig())
    assert (data.images[:] == PIXELS).all()
    assert [data.class_names[label] for label in data.labels] == LABELS
    assert data.origin.notes[: len(listing.notes)] == listing.notes
