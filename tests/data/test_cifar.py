"""CIFAR archives: binary and Python, packed and unpacked, and nothing in them is ever executed."""

import io
import pickle
import subprocess
import sys
import tarfile
from functools import partial

import numpy as np
import pytest
from mutations import DAMAGES

import kenspeckle as ks
from kenspeckle.data.sources.plain_pickle import read_plain
from kenspeckle.errors import DataError

NAMES10 = [f"class{number}" for number in range(10)]
NAMES100 = [f"fine{number}" for number in range(100)]
COUNT = 20  # pictures in each file


def content(number, classes=10):
    """Pictures (COUNT, 3072), plane after plane, and labels."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (COUNT, 3072), dtype=np.uint8), rng.integers(0, classes, COUNT)


def python2(document):
    """A dict as Python 2's cPickle writes it: short strings for keys, raw bytes for pixels."""
    out = io.BytesIO()
    out.write(b"\x80\x02}q\x01(")
    for key, value in document.items():
        out.write(b"U" + bytes([len(key)]) + key.encode())
        if isinstance(value, np.ndarray):
            raw = value.tobytes()
            out.write(
                b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nK\x00\x85U\x01b"
            )
            out.write(b"\x87R(K\x01M" + len(value).to_bytes(2, "little"))
            out.write(b"M" + value.shape[1].to_bytes(2, "little") + b"\x86")
            out.write(b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff")
            out.write(b"J\xff\xff\xff\xffK\x00tb\x89T" + len(raw).to_bytes(4, "little") + raw)
            out.write(b"tb")
        elif isinstance(value, str):
            out.write(b"U" + bytes([len(value)]) + value.encode())
        else:
            out.write(b"](")
            for item in value:
                text = item.encode() if isinstance(item, str) else None
                out.write(b"U" + bytes([len(text)]) + text if text else b"K" + bytes([item]))
            out.write(b"e")
    out.write(b"u.")
    return out.getvalue()


def pickled(document, protocol=2):
    return pickle.dumps(document, protocol=protocol)


def cifar10_python(write=python2):
    files = {}
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        pictures, labels = content(number)
        names = [f"picture{index}.png" for index in range(COUNT)]
        files[name] = write(
            {"batch_label": name, "labels": labels.tolist(), "data": pictures, "filenames": names}
        )
    return files | {"batches.meta": write({"label_names": NAMES10, "num_vis": [7]})}


def cifar100_python(write=python2):
    files = {}
    for number, name in enumerate(["train", "test"]):
        pictures, labels = content(number, 100)
        coarse = (labels // 5).tolist()
        files[name] = write(
            {"fine_labels": labels.tolist(), "coarse_labels": coarse, "data": pictures}
        )
    return files | {"meta": write({"fine_label_names": NAMES100})}


def cifar10_binary():
    files = {}
    names = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]
    for number, name in enumerate(names):
        pictures, labels = content(number)
        files[name] = np.hstack([labels[:, None].astype(np.uint8), pictures]).tobytes()
    return files | {"batches.meta.txt": "\n".join([*NAMES10, ""]).encode()}


def cifar100_binary():
    files = {}
    for number, name in enumerate(["train.bin", "test.bin"]):
        pictures, labels = content(number, 100)
        both = np.stack([labels // 5, labels], axis=1).astype(np.uint8)
        files[name] = np.hstack([both, pictures]).tobytes()
    return files | {"fine_label_names.txt": "\n".join(NAMES100).encode()}


ARCHIVES = {
    "10 binary": cifar10_binary,
    "100 binary": cifar100_binary,
    "10 of Python 2": cifar10_python,
    "100 of Python 2": cifar100_python,
    "10, protocol 2": partial(cifar10_python, pickled),
    "10, protocol 4": partial(cifar10_python, partial(pickled, protocol=4)),
}


def unpacked(folder, files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def packed(path, files, inside="cifar-10-batches-py/"):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(inside + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def check(data, classes):
    assert len(data.class_names) == classes
    parts = len(data.files)
    assert data.images.shape == (parts * COUNT, 32, 32, 3)
    assert data.official_test.tolist() == [False] * (parts - 1) * COUNT + [True] * COUNT
    for number in range(parts):
        pictures, labels = content(number, classes)
        own = slice(number * COUNT, (number + 1) * COUNT)
        assert np.array_equal(data.labels[own], labels)
        for picture, flat in zip(data.images[own], pictures, strict=True):
            # first all red values row by row, then green, then blue
            assert np.array_equal(picture[..., 0].ravel(), flat[:1024])
            assert np.array_equal(picture[..., 2].ravel(), flat[2048:])


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_folder_is_read(tmp_path, name):
    folder = unpacked(tmp_path / "cifar", ARCHIVES[name]())
    check(ks.open_dataset(folder), 100 if "100" in name else 10)


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_read(tmp_path, name, suffix):
    path = packed(tmp_path / f"cifar{suffix}", ARCHIVES[name]())
    check(ks.open_dataset(path), 100 if "100" in name else 10)


def test_a_network_learns_from_an_archive(tmp_path):
    path = packed(tmp_path / "cifar-10-binary.tar.gz", cifar10_binary())
    settings = ("threads=1", "train.epochs=0", "train.steps=2", "model.widths=[4, 4, 4, 4]")
    run = ks.train(path, settings=settings, out=tmp_path / "run")
    assert run.ledger["classes"]["class3"] == 3


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_missing_file_is_named(tmp_path, name):
    files = ARCHIVES[name]()
    gone = next(file for file in files if "test" in file)
    del files[gone]
    with pytest.raises(DataError, match=rf"{gone} missing, so not the whole of CIFAR"):
        ks.open_dataset(packed(tmp_path / "c.tar", files))


def test_an_archive_of_other_things_says_so(tmp_path):
    path = packed(tmp_path / "c.tar", {"readme.txt": b"hello"})
    with pytest.raises(DataError, match="no CIFAR-10 or CIFAR-100 in it"):
        ks.open_dataset(path)


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("data_batch_3.bin", b"x" * 100, "100 bytes, expected a multiple of 3,073"),
        ("data_batch_3.bin", b"", "0 bytes, expected a multiple of 3,073"),
        ("data_batch_3.bin", b"\x0a" + bytes(3072), "labels must be in 0..9 for 10 classes"),
        ("batches.meta.txt", b"a\na\n", "2 class names, expected up to 1000 different ones"),
        ("batches.meta.txt", b"", "0 class names"),
    ],
)
def test_a_damaged_binary_file_is_named(tmp_path, file, data, message):
    folder = unpacked(tmp_path / "c", cifar10_binary() | {file: data})
    with pytest.raises(DataError) as error:
        ks.open_dataset(folder)
    assert str(error.value).startswith(f"{folder}/{file}: {message}")


class Call:
    """Pickles as a call of something that plain data does not need."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


HOSTILE = {
    "system": pickled(Call(__import__("os").system, "touch /tmp/kenspeckle-was-here")),
    "eval": pickled(Call(eval, "1")),
    "open": pickled(Call(open, "/tmp/kenspeckle-was-here", "w")),
    "inside": pickled({"data": Call(exec, "1"), "labels": [1]}),
    "protocol 4": pickled(Call(__import__("subprocess").call, ["true"]), 4),
    "dtype of objects": pickled({"data": np.array([object], dtype=object)}),
    "persistent": b"Pid\n.",
    "instance": b"(ios\nsystem\n.",
    "object": b"(cos\nsystem\no.",
    "extension": b"\x82\x01.",
    "many floats": pickled({"data": np.zeros((4, 3072))}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_names_code_is_refused(name):
    with pytest.raises(DataError) as error:
        read_plain(HOSTILE[name], name="file")
    assert str(error.value).startswith("file: ")
    assert "\n" not in str(error.value)


AUDIT = """
import sys
from kenspeckle.data.sources.plain_pickle import read_plain
from kenspeckle.errors import DataError
import pickle
data = sys.stdin.buffer.read()
seen = []
sys.addaudithook(lambda event, _: seen.append(event))
try:
    {read}
except (DataError, Exception):
    pass
print([e for e in seen if e.split('.')[0] in ('os', 'exec', 'import', 'open', 'subprocess')
       or e == 'pickle.find_class'])
"""


def events(data, read):
    done = subprocess.run(
        [sys.executable, "-c", AUDIT.format(read=read)], input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip().splitlines()[-1]


@pytest.mark.parametrize("name", ["system", "inside", "protocol 4", "instance"])
def test_reading_imports_opens_and_executes_nothing(name):
    assert events(HOSTILE[name], "read_plain(data, name='f')") == "[]"


def test_control_unpickling_would_execute(tmp_path):
    harmless = pickled(Call(__import__("os").getenv, "HOME"))
    assert "pickle.find_class" in events(harmless, "pickle.loads(data)")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x80\x02T\xff\xff\xff\x7f" + b"x" * 10, "a string of two gigabytes"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f", "bytes of eight exabytes"),
        (b"(" * 200_000 + b"t" * 200_000 + b".", "deep nesting"),
        (b"\x80\x02" + b"]q\x00" + b"h\x00a" * 10 + b".", "a list within itself"),
        (b"\x80\x02(K\x01t" + b"2" * 10 + b".", "copies"),
        (b"", "nothing"),
        (b"\x80\x02", "no end"),
        (b"\x80\x02R.", "an empty stack"),
        (b"I" + b"9" * 5000 + b"\n.", "a number of 5,000 digits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_pickle_ends_in_one_line(data, what):
    try:
        read_plain(data, name="file")
    except DataError as error:
        assert "\n" not in str(error)


def test_only_data_errors_come_out_of_damaged_files(tmp_path):
    rng = np.random.default_rng(0)
    originals = [cifar10_python()["test_batch"][:4000], pickled({"labels": [1, 2], "data": b"ab"})]
    for number in range(300):
        damage = DAMAGES[number % len(DAMAGES)]
        damaged = damage(originals[number % 2], originals[1 - number % 2], rng)
        try:
            read_plain(damaged, name="file")
        except DataError:
            continue


def test_only_data_errors_come_out_of_damaged_archives(tmp_path):
    rng = np.random.default_rng(1)
    whole = packed(tmp_path / "c.tar.gz", cifar10_binary()).read_bytes()
    for number in range(100):
        path = tmp_path / "damaged.tar.gz"
        path.write_bytes(DAMAGES[number % len(DAMAGES)](whole, whole, rng))
        try:
            ks.open_dataset(path)
        except DataError:
            continue
