"""TFRecord files: every record an item or excluded with its reason, checksums checked."""

import gzip
import os
import struct
import time

import numpy as np
import pytest
from mutations import MEGABYTE, mutants, traced_peak
from tfrecord_files import crc32c as slow_crc32c
from tfrecord_files import example, field, frame, tfrecord

from kenspeckle.data.decoder_process import read_place
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.sources.crc32c import crc32c, crc32c_short
from kenspeckle.data.sources.tfrecord import is_tfrecord, list_tfrecord
from kenspeckle.errors import DataError

PNG = b"\x89PNG picture"
JPEG = b"\xff\xd8 another picture"
TWO = [
    {"image/encoded": PNG, "image/class/label": 3, "image/class/text": "cat"},
    {"image/encoded": JPEG, "image/class/label": 7, "image/class/text": "dog"},
]


def written(path, data):
    path.write_bytes(data)
    return path


def listing(*paths, checksums="verify", **config):
    spool = paths[0].parent / "spool"
    return list_tfrecord(
        paths, SourceConfig(**config), source="x", spool=spool, checksums=checksums
    )


def refusal(*paths, **config):
    with pytest.raises(DataError) as caught:
        listing(*paths, **config)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{paths[0].parent}/", "")


def pictures(found):
    return [(item.label, read_place(item.place, name=item.name)) for item in found.items]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_agrees_with_the_published_vectors(data, expected):
    assert crc32c([data]).tolist() == [expected]
    assert crc32c_short(data) == slow_crc32c(data) == expected


def test_checksums_of_many_records_are_those_of_each(tmp_path):
    rng = np.random.default_rng(0)
    records = [rng.bytes(count) for count in [*range(10), *range(120, 140), 0, 1, 4000, 70_000]]
    assert crc32c(records).tolist() == [slow_crc32c(record) for record in records]
    assert crc32c([]).tolist() == []


def test_a_record_that_is_longer_than_the_lanes_are_wide_has_the_right_checksum():
    data = np.random.default_rng(1).bytes(3 * MEGABYTE + 77)
    assert crc32c([data]).tolist() == [crc32c_short(data)]


@pytest.mark.parametrize("name", ["x", "x.tfrecord", "train-00000-of-00001"])
def test_pictures_are_ranges_of_the_file(tmp_path, name):
    path = written(tmp_path / name, tfrecord(TWO))
    assert is_tfrecord(path)
    found = listing(path)
    assert pictures(found) == [("cat", PNG), ("dog", JPEG)]
    assert {item.place.path for item in found.items} == {str(path)}
    assert [item.name for item in found.items] == [f"{name}/000000", f"{name}/000001"]
    assert not (tmp_path / "spool").exists()


def test_a_file_in_gzip_is_unpacked_once(tmp_path):
    path = written(tmp_path / "x.gz", gzip.compress(tfrecord(TWO)))
    assert is_tfrecord(path)
    assert pictures(listing(path)) == [("cat", PNG), ("dog", JPEG)]
    (copy,) = (tmp_path / "spool").iterdir()
    before = copy.stat()
    assert pictures(listing(path)) == [("cat", PNG), ("dog", JPEG)]
    assert copy.stat() == before


@pytest.mark.parametrize("cut", [5, 30, -9, -1])
def test_a_file_in_gzip_that_is_cut_short_is_refused_and_leaves_nothing(tmp_path, cut):
    path = written(tmp_path / "x.tfrecord", gzip.compress(tfrecord(TWO))[:cut])
    assert refusal(path).startswith("x.tfrecord: cannot be read: ")
    assert os.listdir(tmp_path / "spool") == []


def test_a_bomb_in_gzip_is_refused_before_it_fills_the_disk(tmp_path):
    path = written(tmp_path / "x.tfrecord", gzip.compress(bytes(100 * MEGABYTE), 1))
    peak, message = traced_peak(lambda: refusal(path))
    assert message == "x.tfrecord: unpacks to more than 67,108,864 bytes, 100 times its size"
    assert peak < 8 * MEGABYTE
    assert os.listdir(tmp_path / "spool") == []


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("features", "label"),
    [
        ({"image": PNG, "label": 3}, "3"),
        ({"image_raw": PNG, "label": 3.0}, "3"),
        ({"image/encoded": PNG, "label": "cat", "image/class/label": 2}, "2"),
        ({"image": PNG, "image/class/label": 2, "image/class/text": "cat"}, "cat"),
        ({"image": PNG, "image/class/label": 2, "image/class/text": ""}, "2"),
        ({"image": PNG, "class": "Kätzchen", "other": [1, 2, 3], "x": [0.5, 1.5]}, "Kätzchen"),
        ({"image": PNG, "label": 2**62}, str(2**62)),
    ],
)
def test_labels_are_text_or_numbers(tmp_path, features, label, packed):
    path = written(tmp_path / "x", tfrecord([features], packed=packed))
    assert pictures(listing(path)) == [(label, PNG)]


def test_features_are_named_by_the_user(tmp_path):
    features = {"picture": PNG, "kind": 5, "fold": "dev", "who": "Ann", "label": 1}
    path = written(tmp_path / "x", tfrecord([features]))
    found = listing(
        path, path_column="picture", label_column="kind", split_column="fold", group_column="who"
    )
    (item,) = found.items
    assert (item.label, item.split, item.group) == ("5", "validation", "Ann")
    assert refusal(path) == (
        "x: no feature holds the picture (there are picture, kind, fold, who, label); "
        "name it with --set data.path_column=NAME"
    )
    assert refusal(path, path_column="picture", label_column="x") == (
        "x: no feature is a label (there are picture, kind, fold, who, label); "
        "name it with --set data.label_column=NAME"
    )


def test_splits_are_told_by_the_names_of_files(tmp_path):
    names = {
        "train-00000-of-00002": "train",
        "train-00001-of-00002": "train",
        "validation-00000-of-00001": "validation",
        "mnist-test.tfrecord": "test",
        "val2.tfrecord": "validation",
        "rest.tfrecord": None,
    }
    paths = [written(tmp_path / name, tfrecord(TWO)) for name in names]
    found = listing(*paths)
    assert {item.name.split("/")[0]: item.split for item in found.items} == names
    assert refusal(*paths[1:]) == ("x: 1 of 2 parts are there, train-00000-of-00002 is missing")


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(written(tmp_path / folder / "x.tfrecord", tfrecord(TWO[:1])))
    found = listing(*paths)
    assert [item.name for item in found.items] == ["a/x.tfrecord/000000", "b/x.tfrecord/000000"]


def test_each_record_is_an_item_or_excluded(tmp_path):
    records = [
        frame(example(TWO[0])),
        frame(b"no example"),
        frame(example({"label": 3})),
        frame(example({"image": PNG})),
        frame(example({"image": PNG, "label": -1})),
        frame(example({"image": [1, 2], "label": 3})),
        frame(example({"image": PNG, "label": [0, 1, 0]})),
        frame(field(1, field(1, field(1, b"x") * 2)) * 3),
        frame(b""),
    ]
    found = listing(written(tmp_path / "x", b"".join(records)))
    assert pictures(found) == [("cat", PNG)]
    assert [(item.name, item.reason, item.detail) for item in found.excluded] == [
        ("x/000001", "not-a-picture", "no tf.train.Example"),
        ("x/000002", "not-a-picture", "no feature of a picture (it has label)"),
        ("x/000003", "unlabelled", "no feature of a label, or an empty one"),
        ("x/000004", "unlabelled", "no feature of a label, or an empty one"),
        ("x/000005", "not-a-picture", "feature 'image' is not one text of bytes"),
        ("x/000006", "unlabelled", "no feature of a label, or an empty one"),
        ("x/000007", "not-a-picture", "no feature of a picture (it has none)"),
        ("x/000008", "not-a-picture", "no feature of a picture (it has none)"),
    ]


def with_bit(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("place", ["picture", "checksum"])
def test_a_record_with_a_wrong_checksum_is_excluded_and_the_next_is_read(tmp_path, place):
    data = tfrecord(TWO)
    second = data.index(frame(example(TWO[1])))
    at = data.index(b"picture") if place == "picture" else second - 1
    path = written(tmp_path / "x", with_bit(data, at))
    found = listing(path)
    assert pictures(found) == [("dog", JPEG)]
    assert [(item.name, item.reason, item.detail) for item in found.excluded] == [
        ("x/000000", "bad-checksum", "record 0 at byte 0")
    ]


def test_control_without_the_check_a_changed_picture_is_accepted(tmp_path):
    data = tfrecord(TWO)
    path = written(tmp_path / "x", with_bit(data, data.index(b"picture")))
    found = listing(path, checksums="ignore")
    assert pictures(found) == [("cat", b"\x89PNG qicture"), ("dog", JPEG)]
    assert found.excluded == ()


def test_a_wrong_length_is_refused_with_its_place(tmp_path):
    data = tfrecord(TWO)
    second = data.index(frame(example(TWO[1])))
    message = f"x: record 1 at byte {second}: "
    path = written(tmp_path / "x", with_bit(data, second + 8))
    assert refusal(path) == message + "the checksum of its length is wrong; the file is damaged"
    assert len(listing(path, checksums="ignore").items) == 2, "control"
    path = written(tmp_path / "x", data[: second + 11])
    assert refusal(path) == message + "the file ends within its length"
    path = written(tmp_path / "x", data[:-1])
    length = len(example(TWO[1]))
    assert refusal(path) == message + f"{length} bytes, but the file ends after {length + 3} more"


@pytest.mark.parametrize("length", [2**20, 2**40, 2**63, 2**64 - 1])
def test_a_length_beyond_the_file_is_refused_without_allocating(tmp_path, length):
    head = struct.pack("<Q", length)
    checksum = slow_crc32c(head)
    stored = (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) % 2**32
    path = written(tmp_path / "x", head + struct.pack("<I", stored) + bytes(50))
    peak, message = traced_peak(lambda: refusal(path))
    assert message == (f"x: record 0 at byte 0: {length:,} bytes, but the file ends after 50 more")
    assert peak < MEGABYTE


def test_raw_pixels_are_refused(tmp_path):
    advice = (
        "raw pixels, not an encoded picture; write them as PNG, such as by tf.io.encode_png, "
        "or save arrays in an .npz file"
    )
    path = written(tmp_path / "x", tfrecord([{"image_raw": bytes(784), "label": 3}] * 3))
    assert refusal(path) == f"x: x/000000: feature 'image_raw' holds 784 bytes: {advice}"
    path = written(tmp_path / "x", tfrecord([{"image": [0.5] * 784, "label": 3}] * 3))
    assert refusal(path) == (
        f"x: x/000000: feature 'image' holds numbers or several values: {advice}"
    )


def test_a_file_of_other_records_or_none_is_refused(tmp_path):
    path = written(tmp_path / "x", frame(b"\x09" + bytes(8)) * 3)
    assert refusal(path) == (
        "x: no labelled pictures in it (3 other files; x/000000: no feature of a picture "
        "(it has none))"
    )
    path = written(tmp_path / "x.tfrecord", b"")
    assert is_tfrecord(path)
    assert refusal(path) == "x: no labelled pictures in it"


def test_two_hundred_damaged_files_give_a_listing_or_one_line(tmp_path):
    plain = tfrecord(20 * TWO)
    listed = 0
    for name, data in mutants([plain, plain, gzip.compress(plain)], count=200, seed=6):
        path = written(tmp_path / "x.tfrecord", data)
        os.utime(path, ns=(listed, time.time_ns()))
        began = time.monotonic()
        try:
            peak, found = traced_peak(lambda path=path: listing(path))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 500, name
        else:
            assert peak < 8 * MEGABYTE, name
            assert {(item.label, item.place.size) for item in found.items} <= {
                ("cat", len(PNG)),
                ("dog", len(JPEG)),
            }, name
            listed += 1
        assert time.monotonic() - began < 2, name
    assert 20 < listed < 180


def test_two_hundred_damaged_records_with_right_checksums_give_a_listing_or_one_line(tmp_path):
    records = [example(features) for features in TWO]
    listed = 0
    for name, data in mutants(records, count=200, seed=7):
        path = written(tmp_path / "x", frame(data) + frame(records[0]))
        began = time.monotonic()
        peak, found = traced_peak(lambda path=path: listing(path))
        assert len(found.items) + len(found.excluded) == 2, name
        assert peak < 4 * MEGABYTE and time.monotonic() - began < 2, name
        listed += len(found.items) == 2
    assert 20 < listed < 180
