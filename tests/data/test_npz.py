"""Arrays of pictures and labels in .npz files: exact, without pickle, and within limits."""

import io
import time
import zipfile

import numpy as np
import pytest
from mutations import MEGABYTE, mutants, traced_peak

from kenspeckle.data.sources.npz import is_npz, npz_dataset
from kenspeckle.errors import DataError

COUNT = 6


def pictures(count=COUNT, shape=(5, 4), *, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def answers(count=COUNT):
    return np.arange(count) % 3


def save(path, *, pack=np.savez, **arrays):
    with open(path, "wb") as file:
        pack(file, **arrays)
    return path


def opened(path):
    return npz_dataset(path, source="x")


def refusal(path):
    with pytest.raises(DataError) as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path}: ", "", 1)


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_the_names_of_keras_give_an_official_test(tmp_path, pack):
    path = save(
        tmp_path / "mnist.npz", pack=pack,
        x_train=pictures(), y_train=answers(), x_test=pictures(2, seed=1), y_test=answers(2),
    )  # fmt: skip
    assert is_npz(path)
    data = opened(path)
    assert (data.images[:COUNT, ..., 0] == pictures()).all()
    assert (data.images[COUNT:, ..., 0] == pictures(2, seed=1)).all()
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert data.official_test.tolist() == [False] * 6 + [True] * 2
    assert data.official_validation is None
    assert data.class_names == ("0", "1", "2")
    assert [(file.path, file.items) for file in data.files] == [(str(path), 8)]


def test_the_names_of_medmnist_give_an_official_validation_too(tmp_path):
    path = save(
        tmp_path / "x.npz",
        **{f"{split}_images": pictures(2, (5, 4, 3)) for split in ("train", "val", "test")},
        **{f"{split}_labels": answers(2)[:, None] for split in ("train", "val", "test")},
    )
    data = opened(path)
    assert data.images.shape == (6, 5, 4, 3) and data.labels.tolist() == [0, 1] * 3
    assert data.official_validation.tolist() == [False, False, True, True, False, False]
    assert data.official_test.tolist() == [False] * 4 + [True] * 2


@pytest.mark.parametrize("names", [["a", "b", "ö"], [b"a", b"b", "ö".encode()]])
def test_images_and_labels_may_have_class_names(tmp_path, names):
    path = save(tmp_path / "x", images=pictures(), labels=answers(), class_names=np.array(names))
    assert is_npz(path)
    assert opened(path).class_names == ("a", "b", "ö")
    assert not opened(path).official_test.any()


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_may_come_first(tmp_path, channels):
    images = pictures(shape=(5, 4, channels))
    path = save(tmp_path / "x", images=np.moveaxis(images, 3, 1), labels=answers())
    assert (opened(path).images == images).all()


@pytest.mark.parametrize("kind", ["<i8", ">i8", "u1", ">u2", "<i4"])
def test_labels_may_be_integers_of_any_kind(tmp_path, kind):
    path = save(tmp_path / "x", images=pictures(), labels=answers().astype(kind))
    assert opened(path).labels.tolist() == answers().tolist()


def test_the_order_of_fortran_is_understood(tmp_path):
    path = save(tmp_path / "x", images=np.asfortranarray(pictures()), labels=answers())
    assert (opened(path).images[..., 0] == pictures()).all()


def test_a_header_as_python_2_wrote_it_is_read(tmp_path):
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in (("images", pictures()), ("labels", answers())):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array)
            text = buffer.getvalue().replace(b"(6, 5, 4), }   ", b"(6L, 5L, 4L), }")
            archive.writestr(f"{name}.npy", text)
    assert (opened(path).images[..., 0] == pictures()).all()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": pictures() / 255.0, "labels": answers()},
            "images: pictures must be uint8 in 0..255, got float64; if they are in 0..1, save "
            "numpy.round(255 * images).astype(numpy.uint8)",
        ),
        (
            {"images": pictures().astype(np.uint16), "labels": answers()},
            "images: pictures must be uint8 in 0..255, got uint16; if they use all 16 bits, save "
            "(images // 257).astype(numpy.uint8)",
        ),
        (
            {"images": pictures().astype(np.int64), "labels": answers()},
            "images: pictures must be uint8 in 0..255, got int64; if they are in 0..255, save "
            "images.astype(numpy.uint8)",
        ),
        (
            {"images": pictures(shape=(5, 4, 2)), "labels": answers()},
            "images: pictures must be of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or "
            "3 channels, got (6, 5, 4, 2)",
        ),
        (
            {"images": pictures(), "labels": np.eye(6, dtype=int)},
            "labels: labels must be of shape (N,) or (N, 1), one class for each picture, got "
            "(6, 6); if one of each row is 1, save labels.argmax(axis=1)",
        ),
        (
            {"images": pictures(), "labels": answers() * 1.0},
            "labels: labels must be integers, got float64",
        ),
        (
            {"images": pictures(), "labels": answers() - 1},
            "labels: labels must be in 0..65535, got -1..1",
        ),
        (
            {"images": pictures(), "labels": answers(5)},
            "6 pictures in images, 5 in labels",
        ),
        (
            {"images": pictures(), "labels": np.array([None] * 6)},
            "labels: elements of |O are not read; save numbers or text, and no Python objects",
        ),
        (
            {"images": np.zeros(6, [("a", "u1")]), "labels": answers()},
            "images: elements of [('a', '|u1')] are not read; save numbers or text, and no Python "
            "objects",
        ),
        ({"images": pictures()}, "labels is missing (it has images)"),
        (
            {"x_train": pictures(), "y_train": answers(), "x_test": pictures()},
            "y_test is missing (it has x_train, y_train, x_test)",
        ),
        (
            {"probabilities": answers(), "weights": answers()},
            "no arrays x_train and y_train, train_images and train_labels, or images and labels "
            "(it has probabilities, weights)",
        ),
        (
            {"images": pictures(), "labels": answers(), "class_names": answers()},
            "class_names must be text of shape (K,), got int64 of shape (6,)",
        ),
        (
            {"images": pictures(), "labels": answers(), "class_names": np.array(["a", "a", "b"])},
            "class_names has a name twice, or an empty one",
        ),
        (
            {
                "x_train": pictures(), "y_train": answers(),
                "x_test": pictures(shape=(5, 5)), "y_test": answers(),
            },
            "pictures of one size are needed, got [(5, 4, 1), (5, 5, 1)]",
        ),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_used_are_explained(tmp_path, arrays, message):
    assert refusal(save(tmp_path / "x.npz", **arrays)) == message


def npy(header, content=b""):
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content


def zipped(path, members, *, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (
            npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000, 1000), }\n"),
            "images: its header (shape (1000000, 1000, 1000), uint8) says 1,000,000,000,085 bytes, "
            "it has 85",
        ),
        (
            npy(b"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 5), }\n"),
            "images: its header (shape (0, 5), uint8) is one of an array that cannot be used",
        ),
        (
            npy(b"{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,), }\n"),
            "images: elements of __import__('os') are not read; save numbers or text, and no "
            "Python objects",
        ),
        (npy(b"((((("), "images: its header is not as numpy writes it"),
        (npy(b"x" * 9)[:-1], "images: its header is cut short or too long"),
        (b"\x89PNG", "images: not a .npy array"),
        (
            npy(b"{'descr': '<u9', 'fortran_order': False, 'shape': (1,), }\n"),
            "images: elements of unknown type <u9",
        ),
    ],
)
def test_a_hostile_header_is_explained_without_allocating(tmp_path, member, message):
    path = zipped(tmp_path / "x.npz", {"images": member, "labels": member})
    peak, found = traced_peak(lambda: refusal(path))
    assert found == message
    assert peak < MEGABYTE


def test_control_numpy_allocates_what_the_header_says(tmp_path):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000, 1000), }\n"
    path = zipped(tmp_path / "x.npz", {"images": npy(header), "labels": npy(header)})

    def load():
        with pytest.raises(ValueError), np.load(path) as arrays:
            arrays["images"]

    assert traced_peak(load)[0] > 64 * MEGABYTE
    assert traced_peak(lambda: refusal(path))[0] < MEGABYTE


def test_sizes_that_the_file_cannot_hold_are_refused(tmp_path):
    path = save(tmp_path / "x.npz", images=pictures(), labels=answers())
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\1\2")
    data[entry + 20 : entry + 28] = b"\xff\xff\xff\x7f" * 2  # both sizes of the first array
    path.write_bytes(data)
    assert refusal(path) == (
        f"its arrays are said to have more than the {len(data):,} bytes of the file"
    )
    data[entry + 20 : entry + 24] = (200).to_bytes(4, "little")
    path.write_bytes(data)
    assert (
        refusal(path) == "images.npy: 2,147,483,647 bytes, more than 200 compressed ones can hold"
    )


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"no zip")
    assert is_npz(tmp_path / "x.npz")
    assert refusal(tmp_path / "x.npz") == (
        "not an .npz file, or damaged: no zip file of .npy arrays"
    )


def test_a_zip_of_pictures_is_no_npz(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("cat/a.png", b"x")
    assert not is_npz(tmp_path / "x.zip") and not is_npz(tmp_path)


def test_a_changed_bit_is_found_by_the_checksum_of_the_zip(tmp_path):
    path = save(tmp_path / "x.npz", images=pictures(), labels=answers())
    data = bytearray(path.read_bytes())
    data[data.index(pictures().tobytes())] ^= 1
    path.write_bytes(data)
    assert refusal(path) == "cannot be read: Bad CRC-32 for file 'images.npy'"


def test_two_hundred_damaged_files_give_a_data_set_or_one_line(tmp_path):
    arrays = {"x_train": pictures(40), "y_train": answers(40)}
    named = {"images": pictures(), "labels": answers(), "class_names": np.array(["a", "b", "c"])}
    originals = [
        save(tmp_path / "x", pack=pack, **content).read_bytes()
        for pack in (np.savez, np.savez_compressed)
        for content in (arrays, named)
    ]
    read = 0
    for name, data in mutants(originals, count=200, seed=8):
        path = tmp_path / "x.npz"
        path.write_bytes(data)
        began = time.monotonic()
        try:
            peak, found = traced_peak(lambda path=path: opened(path))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 600, name
        else:
            assert peak < 4 * MEGABYTE and len(found) in (6, 40), name
            read += 1
        assert time.monotonic() - began < 2, name
    assert 5 < read < 190
