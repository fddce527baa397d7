"""IDX files: exact arrays or one line that says why not, whatever the bytes are."""

import gzip
import hashlib
import itertools
import math
import os
import re
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mutations import DAMAGES, MEGABYTE, mutants, traced_peak

from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.idx import read_idx
from kenspeckle.data.sources.mnist import FOLDER
from kenspeckle.errors import DataError

FORMATS = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}  # of `struct`
EXTREMES = {
    0x08: [0, 255],
    0x09: [-128, 127],
    0x0B: [-(2**15), 2**15 - 1],
    0x0C: [-(2**31), 2**31 - 1],
    0x0D: [-0.5, math.inf],
    0x0E: [1e-300, -math.inf],
}
SHAPES = [(), (0,), (7,), (2, 3), (2, 0, 3), (2, 3, 4), (2, 2, 3, 1), (1,) * 20, (1, 2) + (1,) * 62]


def idx_bytes(numbers, shape, *, element=0x08):
    header = struct.pack(f">HBB{len(shape)}I", 0, element, len(shape), *shape)
    return header + struct.pack(f">{len(numbers)}{FORMATS[element]}", *numbers)


def written(path, data):
    path.unlink(missing_ok=True)  # ext4 flushes a file that is cut to nothing and written again
    path.write_bytes(data)
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_idx(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("element", FORMATS, ids=hex)
def test_every_element_type_and_rank_is_read_exactly(tmp_path, element, shape):
    numbers = [EXTREMES[element][i % 2] for i in range(math.prod(shape))]
    array = read_idx(written(tmp_path / "x", idx_bytes(numbers, shape, element=element)))
    assert array.shape == shape
    assert array.ravel().tolist() == numbers
    assert array.dtype == np.dtype(FORMATS[element]), "native byte order"


@pytest.mark.parametrize("name", ["x", "x.gz", "x.txt"])
def test_compression_is_told_by_content_and_not_by_name(tmp_path, name):
    data = idx_bytes(range(6), (2, 3))
    assert read_idx(written(tmp_path / name, data)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read_idx(written(tmp_path / name, gzip.compress(data))).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


@pytest.mark.parametrize("cut", [1, 4, 12, 15])
def test_a_gzip_file_of_several_members_is_one_content(tmp_path, cut):
    data = idx_bytes(range(6), (2, 3))
    path = written(tmp_path / "x", gzip.compress(data[:cut]) + gzip.compress(data[cut:]))
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_is_read_can_be_written_to(tmp_path):
    array = read_idx(written(tmp_path / "x", idx_bytes([1, 2], (2,))))
    array[0] = 9
    assert array.tolist() == [9, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file (it begins with nothing)"),
        (b"\0\0\x08", "not an IDX file (it begins with 00 00 08)"),
        (b"\x89PNG....", "not an IDX file (it begins with 89 50 4e 47)"),
        (
            b"\0\0\x0a\1\0\0\0\1\0",
            "unknown IDX element type 0x0a (known: 0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e)",
        ),
        (b"\0\0\x08\x41" + bytes(400), "65 dimensions, at most 64 can be read"),
        (b"\0\0\x08\3\0\0\0\1", "the header of 3 dimensions is cut short"),
        (
            idx_bytes(range(6), (2, 3))[:-1],
            "the header (shape (2, 3)) says 18 bytes, the file has 17",
        ),
        (
            idx_bytes(range(6), (2, 3)) + b"\0",
            "the header (shape (2, 3)) says 18 bytes, the file has 19",
        ),
        (
            gzip.compress(idx_bytes(range(6), (2, 3))[:-1], mtime=0),
            "its header (shape (2, 3)) says 6 bytes, it holds 5",
        ),
        (
            gzip.compress(idx_bytes(range(6), (2, 3)) + b"\0", mtime=0),
            "more than the 6 bytes of its header (shape (2, 3))",
        ),
    ],
)
def test_a_header_that_does_not_fit_the_file_is_explained(tmp_path, data, message):
    path = written(tmp_path / "x", data)
    assert refusal(path) == f"{path}: {message}"


def test_a_header_that_claims_more_than_gzip_can_hold_is_refused_before_it_is_unpacked(tmp_path):
    content = struct.pack(">HBB1I", 0, 0x08, 1, 200 * MEGABYTE) + bytes(20 * MEGABYTE)
    path = written(tmp_path / "x.gz", gzip.compress(content))
    size = path.stat().st_size
    peak, message = traced_peak(lambda: refusal(path))
    assert message == (
        f"{path}: the header (shape (209715200,)) says 209,715,208 bytes, "
        f"more than {size:,} bytes of gzip can hold"
    )
    assert peak < MEGABYTE


def test_control_a_claim_that_gzip_can_hold_is_unpacked_before_it_is_refused(tmp_path):
    noise = np.random.default_rng(0).bytes(4096)
    content = struct.pack(">HBB1I", 0, 0x08, 1, 20 * MEGABYTE) + noise + bytes(19 * MEGABYTE)
    path = written(tmp_path / "x.gz", gzip.compress(content))
    peak, message = traced_peak(lambda: refusal(path))
    assert message.endswith("says 20,971,520 bytes, it holds 19,927,040")
    assert peak > 19 * MEGABYTE


@pytest.mark.parametrize("members", [1, 300])
def test_the_densest_gzip_that_there_is_can_be_read(tmp_path, members):
    content = idx_bytes([], (9 * MEGABYTE,)) + bytes(9 * MEGABYTE)
    step = -(-len(content) // members)
    parts = [content[at : at + step] for at in range(0, len(content), step)]
    path = written(tmp_path / "x.gz", b"".join(gzip.compress(part, 9) for part in parts))
    assert members > 1 or len(content) / path.stat().st_size > 1000
    assert read_idx(path).shape == (9 * MEGABYTE,)


@pytest.mark.parametrize("cut", [3, 9, 12, 20, -9, -8, -4, -1])
def test_a_gzip_file_that_is_cut_short_is_refused(tmp_path, cut):
    data = gzip.compress(idx_bytes(range(200), (200,)))
    path = written(tmp_path / "x.gz", data[:cut])
    assert refusal(path).startswith(f"{path}: ")


@pytest.mark.parametrize("garbage", [b"x", b"\0x", b"\x1f\x8b", bytes(20) + b"\1"])
def test_garbage_after_the_gzip_content_is_refused(tmp_path, garbage):
    data = gzip.compress(idx_bytes(range(6), (2, 3)))
    refusal(written(tmp_path / "x.gz", data + garbage))


def test_a_gzip_file_whose_checksum_is_wrong_is_refused(tmp_path):
    data = bytearray(gzip.compress(idx_bytes(range(6), (2, 3))))
    data[-8] ^= 1
    refusal(written(tmp_path / "x.gz", bytes(data)))


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "x")
    assert refusal(tmp_path / "x").startswith(f"{tmp_path / 'x'}: cannot be read: ")


EXTENTS = (0, 1, 2, 3, 28, 127, 255, 256, 2**15 - 1, 2**15, 2**16, 2**24, 2**31 - 1, 2**31,
           2**32 - 2, 2**32 - 1)  # fmt: skip


def accepted(path, extent):
    """Of all 65,536 headers with each side `extent` and one element, those that are read."""
    found, sizes = set(), struct.pack(">255I", *[extent] * 255)
    with open(path, "wb", buffering=0) as file:  # opened once: 65,536 times would take 10 s
        for rank, element in itertools.product(range(256), range(256)):
            width = struct.calcsize(FORMATS.get(element, "B"))
            data = bytes([0, 0, element, rank]) + sizes[: 4 * rank] + bytes(width)
            os.pwrite(file.fileno(), data, 0)
            file.truncate(len(data))
            try:
                assert read_idx(path).shape == (extent,) * rank
            except DataError:
                continue
            found.add((element, rank))
    return found


def test_every_combination_of_element_type_and_rank_is_accepted_or_refused_as_described(tmp_path):
    assert accepted(tmp_path / "x", 1) == {(kind, rank) for kind in FORMATS for rank in range(65)}


@pytest.mark.slow
@pytest.mark.parametrize("extent", [extent for extent in EXTENTS if extent != 1])
def test_every_header_of_extreme_sides_is_accepted_or_refused_as_described(tmp_path, extent):
    assert accepted(tmp_path / "x", extent) == {(kind, 0) for kind in FORMATS}


@pytest.mark.parametrize("extent", [2, 2**16, 2**31, 2**32 - 1])
@pytest.mark.parametrize("compressed", [False, True])
def test_no_rank_makes_a_large_extent_allocate(tmp_path, extent, compressed):
    def read_all():
        for element in FORMATS:
            for rank in (*range(1, 8), 63, 64, 65, 255):
                data = struct.pack(f">HBB{rank}I", 0, element, rank, *[extent] * rank) + b"\0"
                refusal(written(tmp_path / "x", gzip.compress(data, 1) if compressed else data))

    assert traced_peak(read_all)[0] < 64 * MEGABYTE


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_declared_size_of_eighteen_exabytes_is_refused_without_allocating(tmp_path, pack):
    data = struct.pack(">HBB3I", 0, 0x08, 3, 65536, 65536, 2**32 - 1) + bytes(1000)
    path = written(tmp_path / "x", pack(data))
    assert traced_peak(lambda: refusal(path))[0] < 4 * MEGABYTE


@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1, 0, 2**32 - 1)])
def test_an_empty_array_of_impossible_extents_is_refused(tmp_path, shape):
    path = written(tmp_path / "x", idx_bytes([], shape))
    assert refusal(path).startswith(f"{path}: ")


def test_the_measure_of_memory_notices_a_reader_that_trusts_the_header(tmp_path):
    def naive(path):
        data = path.read_bytes()
        array = np.empty(struct.unpack(">3I", data[4:16]), dtype=np.uint8)
        array.ravel()[: len(data) - 16] = np.frombuffer(data, np.uint8)[16:]

    data = struct.pack(">HBB3I", 0, 0x08, 3, 100, 1024, 1024) + bytes(1000)
    path = written(tmp_path / "x", data)
    assert traced_peak(lambda: naive(path))[0] > len(data) + 64 * MEGABYTE
    assert traced_peak(lambda: refusal(path))[0] < len(data) + MEGABYTE


def save_pair(folder, prefix="train", *, count=4, labels=(0, 1, 2, 1), pack=bytes, suffix=""):
    """An images file and its labels file, named as MNIST names them."""
    folder.mkdir(exist_ok=True)
    pictures = idx_bytes([i % 256 for i in range(count * 6)], (count, 2, 3))
    return (
        written(folder / f"{prefix}-images-idx3-ubyte{suffix}", pack(pictures)),
        written(
            folder / f"{prefix}-labels-idx1-ubyte{suffix}", pack(idx_bytes(labels, (len(labels),)))
        ),
    )


def data_refusal(source):
    with pytest.raises(DataError) as caught:
        open_dataset(source)
    return str(caught.value)


@pytest.mark.parametrize(("pack", "suffix"), [(bytes, ""), (gzip.compress, ".gz")])
def test_the_labels_beside_an_images_file_are_found(tmp_path, pack, suffix):
    images, _ = save_pair(tmp_path, pack=pack, suffix=suffix)
    data = open_dataset(images)
    assert data.labels.tolist() == [0, 1, 2, 1]
    assert data.images[..., 0].ravel().tolist() == list(range(24))
    assert data.images.shape == (4, 2, 3, 1)
    assert data.class_names == ("0", "1", "2")
    assert not data.official_test.any()
    assert [(file.path, file.items) for file in data.files] == [(str(images), 4)]


def test_labels_compressed_otherwise_than_the_images_are_found(tmp_path):
    images, labels = save_pair(tmp_path)
    labels.with_name(f"{labels.name}.gz").write_bytes(gzip.compress(labels.read_bytes()))
    labels.unlink()
    assert open_dataset(images).labels.tolist() == [0, 1, 2, 1]


def test_labels_anywhere_are_named_after_a_colon(tmp_path):
    images, labels = save_pair(tmp_path)
    elsewhere = labels.rename(tmp_path / "answers: final")
    assert data_refusal(images) == (
        f"{images}: no labels file train-labels-idx1-ubyte beside it; name it with IMAGES:LABELS"
    )
    assert data_refusal(f"{images}:{labels}").startswith(f"{labels}: cannot be read: ")
    elsewhere = elsewhere.rename(tmp_path / "answers")
    assert open_dataset(f"{images}:{elsewhere}").labels.tolist() == [0, 1, 2, 1]


def test_the_t10k_pair_of_a_folder_is_its_official_test_set(tmp_path):
    save_pair(tmp_path)
    save_pair(tmp_path, "t10k", count=2, labels=(0, 3), pack=gzip.compress, suffix=".gz")
    data = open_dataset(tmp_path)
    assert data.labels.tolist() == [0, 1, 2, 1, 0, 3]
    assert data.official_test.tolist() == [False] * 4 + [True] * 2
    assert data.class_names == ("0", "1", "2", "3")
    assert [file.items for file in data.files] == [4, 2]


def test_colour_pictures_keep_their_channels(tmp_path):
    written(tmp_path / "images", idx_bytes([0] * 24, (1, 2, 4, 3)))
    written(tmp_path / "labels", idx_bytes([0], (1,)))
    assert open_dataset(tmp_path / "images").images.shape == (1, 2, 4, 3)


def test_counts_of_images_and_labels_must_agree(tmp_path):
    images, labels = save_pair(tmp_path, labels=(0, 1, 2))
    assert data_refusal(images) == f"{images} has 4 images, {labels} 3 labels"


def test_training_and_test_pictures_must_have_one_size(tmp_path):
    save_pair(tmp_path)
    images, _ = save_pair(tmp_path, "t10k", labels=(0,))
    written(images, idx_bytes([0] * 9, (1, 3, 3)))
    assert data_refusal(tmp_path) == (
        f"{tmp_path}: training and test images differ in size: [(2, 3, 1), (3, 3, 1)]"
    )


@pytest.mark.parametrize("labels", [(0, 1, 2, -1), (0, 1, 2, 65536), (0, 1, 2, 2**31 - 1)])
def test_labels_out_of_range_are_refused_with_their_range(tmp_path, labels):
    images, path = save_pair(tmp_path)
    written(path, idx_bytes(labels, (4,), element=0x0C))
    low, high = min(labels), max(labels)
    assert data_refusal(images) == f"{path}: labels must be in 0..65535, got {low}..{high}"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (idx_bytes([0] * 4, (4,), element=0x0D), "float32 of shape (4,)"),
        (idx_bytes([0] * 4, (4, 1)), "uint8 of shape (4, 1)"),
        (idx_bytes([0], ()), "uint8 of shape ()"),
    ],
)
def test_labels_of_another_kind_are_refused(tmp_path, data, found):
    images, labels = save_pair(tmp_path)
    written(labels, data)
    assert data_refusal(images) == f"{labels}: labels must be integers of shape (N,), got {found}"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (idx_bytes([0] * 24, (4, 6)), "uint8 of shape (4, 6)"),
        (idx_bytes([0] * 24, (4, 2, 3), element=0x0D), "float32 of shape (4, 2, 3)"),
        (idx_bytes([0] * 24, (4, 2, 3), element=0x09), "int8 of shape (4, 2, 3)"),
        (idx_bytes([0] * 24, (4, 2, 3, 1, 1)), "uint8 of shape (4, 2, 3, 1, 1)"),
    ],
)
def test_images_of_another_kind_are_refused(tmp_path, data, found):
    images, _ = save_pair(tmp_path)
    written(images, data)
    assert data_refusal(images) == (
        f"{images}: images must be bytes of shape (N, H, W) or (N, H, W, C), got {found}"
    )


def test_files_without_an_item_are_refused(tmp_path):
    images, _ = save_pair(tmp_path, count=0, labels=())
    assert data_refusal(images) == f"{images}: no pictures in it (shape (0, 2, 3, 1))"


@pytest.fixture(scope="module")
def mnist():
    return open_dataset("mnist")


def test_mnist_is_bundled_whole(mnist):
    assert mnist.images.shape == (70_000, 28, 28, 1)
    assert mnist.class_names == tuple("0123456789")
    assert np.flatnonzero(mnist.official_test).tolist() == list(range(60_000, 70_000))


def test_the_classes_of_mnist_have_the_published_sizes(mnist):
    train, test = mnist.labels[~mnist.official_test], mnist.labels[mnist.official_test]
    assert np.bincount(train).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_bundled_files_are_those_that_the_attribution_lists():
    table = (FOLDER / "ATTRIBUTION.md").read_text()
    listed = dict(re.findall(r"^\| (\S+\.gz) \|.*\| ([0-9a-f]{64}) \|$", table, re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.gz")
    }
    assert len(found) == 4
    assert found == listed


def test_mnist_names_its_files_with_their_sums(mnist):
    for file in mnist.files:
        assert file.sha256 == hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
    assert [file.items for file in mnist.files] == [60_000, 10_000]


def test_the_digits_of_scikit_learn_are_scaled_to_bytes():
    data = open_dataset("digits")
    assert data.images.shape == (1797, 8, 8, 1)
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (data.images.min(), data.images.max()) == (0, 255)
    assert not data.official_test.any()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("minst", "; did you mean 'mnist'?"),
        ("fashion_mnist", "; did you mean 'fashion-mnist'?"),
        ("digit", "; did you mean 'digits'?"),
        ("imagenet", ""),
    ],
)
def test_an_unknown_name_offers_the_nearest(name, hint):
    assert data_refusal(name) == (
        f"unknown source {name!r}{hint} (known: counting, digits, fashion-mnist, mnist), "
        "and there is no such file or folder"
    )


def test_a_path_that_is_no_data_says_what_is_expected(tmp_path):
    (tmp_path / "x").write_text("hi")
    assert data_refusal(tmp_path / "x").startswith(
        f"{tmp_path / 'x'}: no kind of data that can be read; expected a folder, zip or tar of"
    )


def test_an_empty_folder_has_no_pictures(tmp_path):
    assert data_refusal(tmp_path) == f"{tmp_path}: no labelled pictures in it"


@pytest.mark.parametrize("name", ["x" * 300, ""])
def test_a_name_that_can_be_no_path_is_refused_like_any_other(name):
    assert "\n" not in data_refusal(name)


def oracle(data):
    """What the description of IDX makes of `data`: (element, shape, numbers), or None."""
    if data[:2] == b"\x1f\x8b":
        data = gunzip(data)
    if data is None or len(data) < 4 or data[:2] != b"\0\0" or data[2] not in FORMATS:
        return None
    element, rank, start = data[2], data[3], 4 + 4 * data[3]
    if rank > 64 or len(data) < start:
        return None
    shape = struct.unpack(f">{rank}I", data[4:start])
    width = struct.calcsize(FORMATS[element])
    if len(data) != start + math.prod(shape) * width:
        return None
    if math.prod(max(1, extent) for extent in shape) * width >= 2**63:
        return None  # empty, but no array can have this shape
    return element, shape, [n for (n,) in struct.iter_unpack(f">{FORMATS[element]}", data[start:])]


def gunzip(data):
    """The content of `data` as RFC 1952 describes it, zeros after it allowed; None if damaged."""
    content = b""
    while data and data.strip(b"\0"):
        if data[:3] != b"\x1f\x8b\x08" or len(data) < 10:
            return None
        flags, data = data[3], data[10:]
        if flags & 4:  # an extra field
            data = data[2 + int.from_bytes(data[:2], "little") :]
        for text in (8, 16):  # a name, a comment
            if flags & text:
                data = data.partition(b"\0")[2]
        data = data[2:] if flags & 2 else data  # a checksum of the header
        inflater = zlib.decompressobj(-15)
        try:
            member = inflater.decompress(data)
        except zlib.error:
            return None
        if not inflater.eof or len(inflater.unused_data) < 8:
            return None
        if inflater.unused_data[:8] != struct.pack("<II", zlib.crc32(member), len(member)):
            return None
        content, data = content + member, inflater.unused_data[8:]
    return content


def edit_header(data, other, rng):
    """Put a telling number into the element type, the rank or an extent of a plain header."""
    compressed = data[:2] == b"\x1f\x8b"
    damaged = bytearray(gzip.decompress(data) if compressed else data)
    if rng.random() < 0.5:
        damaged[int(rng.integers(2, 4))] = int(rng.integers(0, 20))
    else:
        at = 4 + 4 * int(rng.integers(max(1, damaged[3])))
        choices = (0, 1, 2, 3, 4, 6, 24, 2**16, 2**31, 2**32 - 1)
        damaged[at : at + 4] = struct.pack(">I", choices[rng.integers(len(choices))])
    return gzip.compress(bytes(damaged), mtime=0) if compressed else bytes(damaged)


def small_files():
    rng = np.random.default_rng(5)
    plain = [
        idx_bytes(rng.integers(0, 256, math.prod(shape)).tolist(), shape)
        for shape in [(), (3,), (40,), (2, 3, 4), (4, 6, 6, 1), (0, 5)]
    ]
    plain += [idx_bytes(EXTREMES[element], (2, 1), element=element) for element in FORMATS]
    members = [gzip.compress(plain[4][:50], mtime=0) + gzip.compress(plain[4][50:], mtime=0)]
    return plain + [gzip.compress(data, mtime=0) for data in plain] + members


def assert_equal(array, expected, name):
    element, shape, numbers = expected
    assert array.dtype == np.dtype(FORMATS[element]), name
    assert array.shape == shape, name
    assert repr(array.ravel().tolist()) == repr(numbers), name  # NaN has one repr


def array_or_refusal(path):
    try:
        return read_idx(path)
    except DataError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return None


def check_mutants(path, count, seed):
    """Read every mutant; return how many are still valid files."""
    valid = 0
    for name, data in mutants(
        small_files(), count=count, seed=seed, damages=(*DAMAGES, edit_header)
    ):
        peak, found = traced_peak(partial(array_or_refusal, written(path, data)))
        expected = oracle(data)
        assert (found is None) == (expected is None), name
        if expected:
            assert_equal(found, expected, name)
            valid += 1
        assert peak <= len(data) + 64 * MEGABYTE, name
    return valid


def test_the_oracle_and_the_reader_agree_on_files_that_are_whole(tmp_path):
    for data in small_files():
        assert_equal(read_idx(written(tmp_path / "x", data)), oracle(data), data[:16])


def test_damaged_files_are_refused_or_read_as_the_oracle_reads_them(tmp_path):
    assert 20 < check_mutants(tmp_path / "x", count=300, seed=0) < 200


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_refused_or_read_as_the_oracle_reads_them(tmp_path):
    check_mutants(tmp_path / "x", count=10_000, seed=1)
