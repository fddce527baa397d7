"""Archives of CIFAR: nothing is written, no link or path is followed, damage is one line."""

import gzip
import os
import subprocess
import sys
import tarfile
from functools import partial

import cifar_files as cifar
import pytest
from mutations import MEGABYTE, mutants, traced_peak

from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.data.sources.tar import read_members
from kenspeckle.errors import DataError

WANTED = ("train", "test")
SMALL = {"train": b"abc" * 300, "test": b"", "other": b"x" * 600}


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_members(path, WANTED)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 400
    return message.removeprefix(f"{path}: ")


def written(path, data):
    path.unlink(missing_ok=True)  # ext4 flushes a file that is cut to nothing and written again
    path.write_bytes(data)
    return path


def saved(path, *, mode="w", **options):
    return cifar.save_archive(path, SMALL, mode=mode, **options).read_bytes()


def with_header(data, place, field):
    """`data` with another field in its first header, and the checksum that goes with it."""
    header = bytearray(data[:512])
    header[place : place + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@pytest.fixture
def plain(tmp_path):
    """An archive whose first member is the file `train`."""
    with tarfile.open(tmp_path / "plain", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in SMALL:
            written(tmp_path / name, SMALL[name])
            archive.add(tmp_path / name, arcname=f"../../{name}")
    return (tmp_path / "plain").read_bytes()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_wanted_files_are_read_whatever_folder_their_names_say(tmp_path, mode):
    for number, folder in enumerate(("a", "../..", "/etc", "./a/b/c", "a" * 90)):
        saved(tmp_path / f"{number}", mode=mode, folder=folder)
        found = read_members(tmp_path / f"{number}", WANTED)
        assert found == {name: SMALL[name] for name in WANTED}


def test_reading_an_archive_writes_nothing(tmp_path):
    files = cifar.python_files(100)
    cifar.save_archive(tmp_path / "x.tar.gz", files, folder=f"{tmp_path}/out")
    code = (
        "import sys, kenspeckle.data.sources.cifar\n"
        "from kenspeckle.data.sources.detect import open_dataset\n"
        "events = set()\n"
        "def heard(event, details):\n"
        "    if not isinstance(details[0], int):  # a descriptor was opened before\n"
        "        events.add((event, str(details[0]), details[2] & 3 if event == 'open' else ''))\n"
        "sys.addaudithook(heard)\n"
        "open_dataset(sys.argv[1])\n"
        "print(sorted(events))"
    )
    path = tmp_path / "x.tar.gz"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.strip() == str([("open", str(path), os.O_RDONLY)]), done.stderr
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_passed_over_even_where_they_have_the_name_of_a_file(tmp_path):
    secret = written(tmp_path / "secret", b"secret")
    path, files = tmp_path / "x.tar.gz", cifar.python_files(10)
    links = [("cifar/data_batch_1", str(secret)), ("cifar/x", "/etc/passwd")]
    cifar.save_archive(path, files, links=links)
    assert len(open_dataset(path)) == 6 * cifar.COUNT
    del files["data_batch_1"]
    cifar.save_archive(path, files, links=links)
    with pytest.raises(DataError, match="data_batch_1 missing"):
        open_dataset(path)


def test_a_file_that_is_there_twice_is_refused(tmp_path, plain):
    path = written(tmp_path / "x", plain[:1536] + plain)
    assert refusal(path) == "train is in it twice"


def test_every_cut_of_an_archive_is_refused(tmp_path, plain):
    end = len(plain.rstrip(b"\0")) + 512  # what is left holds one whole block of zeros
    for cut in [*range(0, end, 100)]:
        assert refusal(written(tmp_path / "x", plain[:cut]))
    compressed = gzip.compress(plain)
    for cut in range(0, len(compressed), 10):
        assert refusal(written(tmp_path / "x.gz", compressed[:cut]))


def test_a_wrong_sum_of_the_compressed_content_is_refused(tmp_path, plain):
    data = bytearray(gzip.compress(plain))
    data[-8] ^= 1
    assert refusal(written(tmp_path / "x.gz", bytes(data))).startswith("cannot be read: CRC check")


@pytest.mark.parametrize(
    ("place", "field", "message"),
    [
        (124, b"77777777777\0", "more than the 536,870,912 bytes that can be read"),
        (124, b"03777777777\0", "more than the 536,870,912 bytes that can be read"),
        (
            124,
            b"02000000001\0",
            "train has 268,435,457 bytes, at most 268,435,456 can be read",
        ),
        (124, b"02000000000\0", "train is cut short: 268,435,456 bytes expected, it holds 12,800"),
        (
            124,
            b"\x80" + b"\xff" * 11,
            "more than the 536,870,912 bytes that can be read",
        ),
        (124, b"-0000000001\0", "the size of a member is b'-0000000001\\x00', no octal number"),
        (124, b" " * 12, "the size of a member is b'            ', no octal number"),
        (
            124,
            b"\xff" * 12,
            "the size of a member is b'" + "\\xff" * 12 + "', no octal number",
        ),
        (156, b"Z", None),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_hostile_header_is_explained_without_allocating(
    tmp_path, plain, pack, place, field, message
):
    data = with_header(plain, place, field)
    data = data[:512] + bytes(12800) if b"2000000000" in field else data
    path = written(tmp_path / "x", pack(data))
    if message is None:  # another type is passed over
        assert list(read_members(path, WANTED)) == ["test"]
        return
    peak, found = traced_peak(partial(refusal, path))
    assert found == message
    assert peak < 2 * MEGABYTE


def test_a_wrong_checksum_is_refused(tmp_path, plain):
    data = b"y" + plain[1:]
    assert refusal(written(tmp_path / "x", data)) == (
        "not a tar archive, or damaged: a header has a wrong checksum"
    )


def test_a_thousand_members_are_the_most(tmp_path):
    with tarfile.open(tmp_path / "x", "w") as archive:
        for number in range(1001):
            archive.addfile(tarfile.TarInfo(str(number)))
    assert refusal(tmp_path / "x") == "more than the 1,000 members that can be read"


def test_a_bomb_after_the_last_member_is_refused(tmp_path, plain):
    zeros = gzip.compress(bytes(64 * MEGABYTE), 1)
    path = written(tmp_path / "x", gzip.compress(plain) + 9 * zeros)
    peak, message = traced_peak(partial(refusal, path))
    assert message == "more than the 536,870,912 bytes that can be read"
    assert peak < 8 * MEGABYTE


def check_mutants(path, count, seed):
    """Read every mutant; return how many still give the two files unharmed."""
    originals = [saved(path), saved(path, mode="w:gz")]
    valid = 0
    for name, data in mutants(originals, count=count, seed=seed):
        try:
            peak, found = traced_peak(partial(read_members, written(path, data), WANTED))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 400, name
            continue
        assert peak < 4 * MEGABYTE, name
        valid += found == {name: SMALL[name] for name in WANTED}
    return valid


def test_nothing_but_a_refusal_comes_out_of_damaged_archives(tmp_path):
    assert 20 < check_mutants(tmp_path / "x", 300, seed=0) < 250


def test_nothing_but_a_refusal_comes_out_of_damaged_data_sets(tmp_path):
    """The whole way: detection, archive, pickles and pictures."""
    files = cifar.python_files(100) | {"train": cifar.python2(cifar.values(0, 100))}
    binary = cifar.binary_files(100)
    originals = [
        cifar.save_archive(tmp_path / "x", content, mode=mode).read_bytes()
        for content in (files, binary)
        for mode in ("w", "w:gz")
    ]
    read = 0
    for name, data in mutants(originals, count=300, seed=2):
        try:
            dataset = open_dataset(written(tmp_path / "x", data))
        except DataError as error:
            assert str(error).isprintable() and len(str(error)) < 600, name
            continue
        assert dataset.images.shape[1:] == (32, 32, 3), name
        read += 1
    assert 20 < read < 280
