"""CIFAR-10 and CIFAR-100: exact pictures in every published form, one line for anything else."""

import io
import os
import pickle
import tarfile

import cifar_files as cifar
import numpy as np
import pytest
from conftest import SMALL
from mutations import MEGABYTE, traced_peak

import kenspeckle as ks
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.errors import DataError

FORMS = [(classes, writer) for classes in (10, 100) for writer in ("binary", *cifar.WRITERS)]


def files_of(classes, writer="Python 2"):
    if writer == "binary":
        return cifar.binary_files(classes)
    return cifar.python_files(classes, cifar.WRITERS[writer])


def refusal(source):
    with pytest.raises(DataError) as caught:
        open_dataset(source)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 600
    return message


def assert_exact(dataset, classes):
    images, labels = cifar.expected(classes)
    assert dataset.images.dtype == np.uint8
    assert np.array_equal(dataset.images, images)
    assert np.array_equal(dataset.labels, labels)
    assert dataset.class_names == cifar.NAMES[classes]
    tests = np.flatnonzero(dataset.official_test)
    assert tests.tolist() == list(range(len(labels) - cifar.COUNT, len(labels)))


@pytest.mark.parametrize(("classes", "writer"), FORMS)
def test_a_folder_is_read_exactly(tmp_path, classes, writer):
    assert_exact(open_dataset(cifar.save_folder(tmp_path, files_of(classes, writer))), classes)


@pytest.mark.parametrize(("classes", "writer"), FORMS)
@pytest.mark.parametrize(("suffix", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("data", "w:gz")])
def test_an_archive_is_read_exactly_and_told_by_content(tmp_path, classes, writer, suffix, mode):
    path = cifar.save_archive(tmp_path / f"x.{suffix}", files_of(classes, writer), mode=mode)
    assert_exact(open_dataset(path), classes)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_with_other_files_in_any_order_is_read(tmp_path, form):
    files = {"readme.html": b"<p>", **files_of(10)}
    with tarfile.open(tmp_path / "x.tar", "w", format=form) as archive:
        for name, data in reversed(files.items()):
            entry = tarfile.TarInfo(f"./cifar-10-batches-py/{name}")
            entry.size, entry.mtime, entry.uname = len(data), 1.5, "владелец"
            archive.addfile(entry, io.BytesIO(data))
    assert_exact(open_dataset(tmp_path / "x.tar"), 10)


def test_each_batch_of_a_folder_is_a_file_with_its_sum(tmp_path):
    found = open_dataset(cifar.save_folder(tmp_path, files_of(10))).files
    names = [tmp_path / name for name in (*cifar.BATCHES, "test_batch")]
    assert [(file.path, file.sha256, file.items) for file in found] == [
        (str(path), cifar.sha256(path), cifar.COUNT) for path in names
    ]


def test_an_archive_is_one_file_with_its_sum(tmp_path):
    path = cifar.save_archive(tmp_path / "x.tar.gz", files_of(100))
    (found,) = open_dataset(path).files
    assert (found.path, found.sha256) == (str(path), cifar.sha256(path))
    assert found.items == 2 * cifar.COUNT


def test_pixels_saved_column_by_column_are_the_same_pictures(tmp_path):
    files = files_of(10)
    for number, name in enumerate(cifar.BATCHES):
        items = cifar.values(number, 10)
        items["data"] = np.asfortranarray(items["data"])
        files[name] = pickle.dumps(items, protocol=4)
    assert_exact(open_dataset(cifar.save_folder(tmp_path, files)), 10)


@pytest.mark.parametrize(
    ("classes", "writer"), [(c, w) for c, w in FORMS if w in ("binary", "Python 2")]
)
def test_a_missing_file_is_named(tmp_path, classes, writer):
    files = files_of(classes, writer)
    files.pop("coarse_label_names.txt", None)
    form = "binary" if writer == "binary" else "python"
    for name in files:
        rest = {other: data for other, data in files.items() if other != name}
        message = f"{name} missing (CIFAR-{classes}, {form} version)"
        folder = cifar.save_folder(tmp_path / name, rest)
        assert refusal(folder) == f"{folder}: {message}"
        archive = cifar.save_archive(tmp_path / f"{name}.tar", rest, mode="w")
        assert refusal(archive) == f"{archive}: {message}"


def test_one_batch_alone_says_what_else_belongs_to_it(tmp_path):
    folder = cifar.save_folder(tmp_path, {"data_batch_2": b""})
    assert refusal(folder) == (
        f"{folder}: data_batch_1, data_batch_3, data_batch_4, data_batch_5, test_batch, "
        "batches.meta missing (CIFAR-10, python version)"
    )


def test_a_folder_with_two_versions_is_refused_because_it_would_have_to_be_guessed(tmp_path):
    folder = cifar.save_folder(tmp_path, files_of(10) | files_of(10, "binary"))
    assert refusal(folder) == (
        f"{folder}: CIFAR-10, binary version and CIFAR-10, python version in it; "
        "expected those of one"
    )


@pytest.mark.parametrize("name", ["train", "test", "meta", "train.bin", "readme"])
def test_one_file_of_a_common_name_is_not_taken_for_cifar(tmp_path, name):
    folder = cifar.save_folder(tmp_path / "folder", {name: b"text"})
    archive = cifar.save_archive(tmp_path / "x.tar", {name: b"text"})
    assert refusal(folder) == (
        f"{folder}: no file in it has a class (it is in no class folder); make a folder for each "
        "class, or say how file names tell it, such as --set data.label=first-character"
    )
    assert refusal(archive) == (
        f"{archive}: none of 1 files is a picture that can be used; the first: cifar/{name}: "
        "not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"
    )


@pytest.mark.parametrize("count", [0, 1, 3072, 3073 * 2 - 1, 3073 * 2 + 1, 3074 * 2])
def test_a_binary_file_of_another_size_is_refused(tmp_path, count):
    files = files_of(10, "binary") | {"data_batch_3.bin": bytes(count)}
    folder = cifar.save_folder(tmp_path, files)
    assert refusal(folder) == (
        f"{folder / 'data_batch_3.bin'}: {count:,} bytes are not one or more whole records of "
        "3,073 bytes (CIFAR-10, binary version)"
    )


@pytest.mark.parametrize(("classes", "label"), [(10, 10), (10, 255), (100, 100), (100, 200)])
def test_a_binary_label_out_of_range_is_refused(tmp_path, classes, label):
    files = files_of(classes, "binary")
    name = next(iter(files))
    data = bytearray(files[name])
    data[classes == 100] = label
    low = min(data[classes == 100 :: len(data) // cifar.COUNT])
    path = cifar.save_archive(tmp_path / "x.tar.gz", files | {name: bytes(data)})
    assert refusal(path) == (
        f"{path}: {name}: labels must be in 0..{classes - 1}, got {low}..{label}"
    )


def test_the_coarse_labels_do_not_count(tmp_path):
    files = files_of(100, "binary")
    data = bytearray(files["train.bin"])
    data[0] = 255
    folder = cifar.save_folder(tmp_path, files | {"train.bin": bytes(data)})
    assert_exact(open_dataset(folder), 100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0] * 19 + [10]}, "labels must be in 0..9, got 0..10"),
        ({"labels": [0] * 19 + [-1]}, "labels must be in 0..9, got -1..0"),
        ({"labels": [0] * 19 + [2**62]}, f"labels must be in 0..9, got 0..{2**62}"),
        ({"labels": [0] * 19}, "20 pictures, 19 labels"),
        ({"labels": "0"}, "'labels' must be a list of integers (CIFAR-10, python version)"),
        ({"labels": [True] * 20}, "'labels' must be a list of integers (CIFAR-10, python version)"),
        ({"labels": ["0"] * 20}, "'labels' must be a list of integers (CIFAR-10, python version)"),
        ({"data": "0"}, "'data' must be an array of shape (N, 3072), got none"),
        (
            {"data": np.zeros((20, 3071), np.uint8)},
            "'data' must be an array of shape (N, 3072), got shape (20, 3071)",
        ),
        (
            {"data": np.zeros((20, 3, 32, 32), np.uint8)},
            "'data' must be an array of shape (N, 3072), got shape (20, 3, 32, 32)",
        ),
        (
            {"data": np.zeros((20, 3072), np.float32)},
            "an array of numpy type 'f4', only 'u1' can be read",
        ),
        ({"data": np.zeros((2, 2), object)}, "an array of numpy type 'O8', only 'u1' can be read"),
        ({"labels": [[1]] * 20}, "a list holds something other than integers and text"),
        ({"labels": {"a": 1}}, "a dict holds something other than text, integers, lists, arrays"),
        ({"labels": [0.5] * 20}, "opcode 0x47, which no file of pixels and labels needs"),
        ({"labels": [2**70]}, "an integer of 9 bytes, at most 8 can be read"),
    ],
)
def test_a_pickled_file_of_other_content_is_refused(tmp_path, change, message):
    files = files_of(10)
    files["data_batch_4"] = pickle.dumps(cifar.values(3, 10) | change, protocol=2)
    folder = cifar.save_folder(tmp_path, files)
    assert refusal(folder) == f"{folder / 'data_batch_4'}: {message}"


@pytest.mark.parametrize(
    "names",
    [
        cifar.NAMES[10][:9],
        (*cifar.NAMES[10], "yak"),
        (*cifar.NAMES[10][:9], "cat"),
        (*cifar.NAMES[10][:9], "a\x1b[2J"),
        (*cifar.NAMES[10][:9], "x" * 101),
        (),
    ],
)
def test_class_names_that_are_not_ten_different_ones_are_refused(tmp_path, names):
    listed = "\n".join(names).encode()
    binary = files_of(10, "binary") | {"batches.meta.txt": listed}
    python = files_of(10) | {"batches.meta": cifar.python2({"label_names": list(names)})}
    for number, files in enumerate((binary, python)):
        folder = cifar.save_folder(tmp_path / str(number), files)
        assert ".meta" in refusal(folder)
        assert "must list 10 different class names (CIFAR-10, " in refusal(folder)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("data_batch_1.bin", 2**28 + 1, "268,435,457 bytes, at most 268,435,456 can be read"),
        ("batches.meta.txt", 2**16 + 1, "65,537 bytes are too many for a list of class names"),
    ],
)
def test_a_file_that_is_far_too_large_is_not_read(tmp_path, name, size, message):
    folder = cifar.save_folder(tmp_path, files_of(10, "binary"))
    os.truncate(folder / name, size)
    peak, found = traced_peak(lambda: refusal(folder))
    assert found == f"{folder / name}: {message}"
    assert peak < 4 * MEGABYTE


def test_a_network_is_trained_and_measured_on_an_archive_that_is_named_by_its_path(tmp_path):
    path = cifar.save_archive(tmp_path / "cifar-10-python.tar.gz", files_of(10))
    run = ks.train(str(path), settings=SMALL, out=tmp_path / "run")
    assert run.ledger["picture"] == {"height": 32, "width": 32, "channels": 3}
    assert run.ledger["files"][0]["sha256"] == cifar.sha256(path)
    assert ks.evaluate(run).measurement.n == cifar.COUNT
