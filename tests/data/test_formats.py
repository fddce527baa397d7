"""One set of pictures in every format is one and the same Dataset."""

import csv
import io
import tarfile
import zipfile

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle.errors import DataError
from tests.photo_folders import folder
from tests.tfrecord_files import example, frame

COUNTS = {"ants": 7, "bees": 9}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def of_folder(photos, place):
    return photos


def of_zip(photos, place):
    with zipfile.ZipFile(place / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(photos.rglob("*.png")):
            archive.write(path, path.relative_to(photos.parent))
    return place / "photos.zip"


def of_tar(photos, place, mode="w", name="photos.tar"):
    with tarfile.open(place / name, mode) as archive:
        archive.add(photos, "photos")
    return place / name


def of_tar_gz(photos, place):
    return of_tar(photos, place, "w:gz", "photos.tar.gz")


def rows(photos):
    return [(str(path), path.parent.name) for path in sorted(photos.rglob("*.png"))]


def of_csv(photos, place):
    with open(place / "list.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *rows(photos)])
    return place / "list.csv"


def of_tsv(photos, place):
    lines = ["\t".join(row) for row in [("file", "class"), *rows(photos)]]
    (place / "list.tsv").write_text("\n".join(lines))
    return place / "list.tsv"


def of_parquet_paths(photos, place):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, labels = zip(*rows(photos), strict=True)
    pq.write_table(pa.table({"path": names, "label": labels}), place / "list.parquet")
    return place / "list.parquet"


def of_parquet_bytes(photos, place):
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = rows(photos)
    pictures = [{"bytes": read(path), "path": None} for path, _ in found]
    table = pa.table({"image": pictures, "label": [label for _, label in found]})
    pq.write_table(table, place / "bytes.parquet")
    return place / "bytes.parquet"


def of_tfrecord(photos, place):
    with open(place / "photos.tfrecord", "wb") as file:
        for path, label in rows(photos):
            features = {"image/encoded": [read(path)], "image/class/text": [label.encode()]}
            file.write(frame(example(features)))
    return place / "photos.tfrecord"


def of_webdataset(photos, place):
    with tarfile.open(place / "shard-000.tar", "w") as archive:
        for number, (path, label) in enumerate(rows(photos)):
            for suffix, data in (("png", read(path)), ("cls", label.encode())):
                member = tarfile.TarInfo(f"{number:05}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return place / "shard-000.tar"


FORMATS = [
    of_folder, of_zip, of_tar, of_tar_gz, of_csv, of_tsv, of_parquet_paths, of_parquet_bytes,
    of_tfrecord, of_webdataset,
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("source") / "photos", COUNTS)


@pytest.mark.parametrize("made", FORMATS, ids=lambda made: made.__name__[3:])
def test_a_format_holds_the_pictures_of_the_folder(photos, tmp_path, made):
    expected = ks.open_dataset(photos)
    dataset = ks.open_dataset(made(photos, tmp_path))
    assert dataset.class_names == expected.class_names
    assert sorted(zip(map(bytes, dataset.digests), dataset.labels, strict=True)) == sorted(
        zip(map(bytes, expected.digests), expected.labels, strict=True)
    )
    first = dataset.origin.pictures[0]
    assert (first.width, first.height, first.format) == (48, 40, "PNG")


@pytest.mark.parametrize("made", FORMATS, ids=lambda made: made.__name__[3:])
def test_a_format_opens_from_the_cache_to_the_same_fingerprint(photos, tmp_path, made):
    path = made(photos, tmp_path)
    first = ks.open_dataset(path)
    worked = []
    again = ks.open_dataset(path, progress=lambda *work: worked.append(work))
    assert (again.fingerprint, worked) == (first.fingerprint, [])


@pytest.mark.parametrize("made", FORMATS[1:], ids=lambda made: made.__name__[3:])
def test_a_file_that_is_cut_short_is_no_crash(photos, tmp_path, made):
    path = made(photos, tmp_path)
    data = path.read_bytes()
    for keep in (0, 1, len(data) // 3, len(data) - 1):
        path.write_bytes(data[:keep])
        try:
            dataset = ks.open_dataset(path)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert len(dataset) <= sum(COUNTS.values())


def test_npz_holds_the_same_arrays(tmp_path):
    images = np.arange(20 * 8 * 8, dtype=np.uint32).reshape(20, 8, 8).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(20) % 2)
    dataset = ks.open_dataset(tmp_path / "a.npz")
    assert np.array_equal(dataset.images[..., 0], images)
