"""Tiny copies of CIFAR-10 and CIFAR-100 in all published forms, for tests."""

import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np

NAMES = {
    10: ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    100: tuple(f"class_{number}" for number in range(100)),
}
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
COUNT = 20  # pictures in each file


def pictures(file, classes):
    """Pixels (N, 3072) and labels (N,) of the file with that number."""
    rng = np.random.default_rng([file, classes])
    return rng.integers(0, 256, (COUNT, 3072)).astype(np.uint8), rng.integers(0, classes, COUNT)


def expected(classes):
    """Images (N, 32, 32, 3) and labels of the whole data, put together pixel by pixel."""
    files = [pictures(file, classes) for file in range(6 if classes == 10 else 2)]
    flat = np.concatenate([pixels for pixels, _ in files])
    images = np.empty((len(flat), 32, 32, 3), np.uint8)
    for channel in range(3):
        for row in range(32):
            start = channel * 1024 + row * 32
            images[:, row, :, channel] = flat[:, start : start + 32]
    return images, np.concatenate([labels for _, labels in files])


def values(file, classes):
    """What one pickled file holds, with the keys and the order of the published ones."""
    pixels, labels = pictures(file, classes)
    found = {"batch_label": f"training batch {file + 1} of 5"}
    if classes == 10:
        found["labels"] = labels.tolist()
    else:
        found["fine_labels"] = labels.tolist()
        found["coarse_labels"] = (labels // 5).tolist()
    found["data"] = pixels
    found["filenames"] = [f"leptodactylus_s_{number:06}.png" for number in range(COUNT)]
    return found


def meta(classes):
    if classes == 10:
        found = {"num_cases_per_batch": 10_000, "num_vis": 3072}
        return found | {"label_names": list(NAMES[10])}
    coarse = [f"group_{number}" for number in range(20)]
    return {"fine_label_names": list(NAMES[100]), "coarse_label_names": coarse}


class Python2:
    """Writes protocol 2 as Python 2's cPickle did, with every PUT that it wrote."""

    def __init__(self):
        self.puts = 0

    def put(self):
        self.puts += 1
        if self.puts < 256:
            return b"q" + bytes([self.puts])
        return b"r" + struct.pack("<I", self.puts)

    def text(self, data):
        head = b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + struct.pack("<i", len(data))
        return head + data + self.put()

    def integer(self, number):
        if 0 <= number < 256:
            return b"K" + bytes([number])
        return (
            b"M" + struct.pack("<H", number)
            if 0 <= number < 65536
            else struct.pack("<ci", b"J", number)
        )

    def array(self, pixels):
        rows, columns = pixels.shape
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n" + self.put()
            + b"cnumpy\nndarray\n" + self.put()
            + b"K\0\x85" + self.put() + self.text(b"b") + b"\x87" + self.put() + b"R" + self.put()
            + b"(K\1" + self.integer(rows) + self.integer(columns) + b"\x86" + self.put()
            + b"cnumpy\ndtype\n" + self.put()
            + self.text(b"u1") + b"K\0K\1\x87" + self.put() + b"R" + self.put()
            + b"(K\3" + self.text(b"|") + b"NNN" + self.integer(-1) + self.integer(-1)
            + b"K\0t" + self.put() + b"b\x89" + self.text(pixels.tobytes()) + b"t"
            + self.put() + b"b"
        )  # fmt: skip

    def value(self, value):
        if isinstance(value, str):
            return self.text(value.encode())
        if isinstance(value, int):
            return self.integer(value)
        if isinstance(value, list):
            start = b"]" + self.put()
            return start + b"(" + b"".join(self.value(item) for item in value) + b"e"
        return self.array(value)

    def dump(self, items):
        start = b"\x80\2}" + self.put() + b"("
        body = b"".join(self.text(key.encode()) + self.value(value) for key, value in items.items())
        return start + body + b"u."


def python2(items):
    return Python2().dump(items)


def resaved(protocol, *, keys=str):
    """A writer that saves what Python 3 makes of the files: text or bytes as keys."""

    def dump(items):
        if keys is bytes:
            items = {key.encode(): value for key, value in items.items()}
        return pickle.dumps(items, protocol=protocol)

    return dump


WRITERS = {
    "Python 2": python2,
    "protocol 2": resaved(2),
    "protocol 2, bytes": resaved(2, keys=bytes),
    "protocol 3, bytes": resaved(3, keys=bytes),
    "protocol 4": resaved(4),
    "protocol 4, bytes": resaved(4, keys=bytes),
}


def python_files(classes, dump=python2):
    names = (*BATCHES, "test_batch") if classes == 10 else ("train", "test")
    files = {name: dump(values(number, classes)) for number, name in enumerate(names)}
    return files | {"batches.meta" if classes == 10 else "meta": dump(meta(classes))}


def binary_files(classes):
    names = (*BATCHES, "test_batch") if classes == 10 else ("train", "test")
    files = {}
    for number, name in enumerate(names):
        pixels, labels = pictures(number, classes)
        columns = [labels[:, np.newaxis].astype(np.uint8), pixels]
        if classes == 100:
            columns.insert(0, columns[0] // 5)  # the coarse label comes first
        files[f"{name}.bin"] = np.concatenate(columns, axis=1).tobytes()
    listed = "\n".join(NAMES[classes]).encode()
    if classes == 10:
        return files | {"batches.meta.txt": listed + b"\n\n"}  # as published
    return files | {"fine_label_names.txt": listed + b"\n", "coarse_label_names.txt": b"group\n"}


def save_folder(folder, files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def save_archive(path, files, *, mode="w:gz", folder="cifar", links=()):
    """A tar file; `links` are pairs of a name and what it points at, and come first."""
    quick = {"compresslevel": 1} if mode == "w:gz" else {}
    with tarfile.open(path, mode, **quick) as archive:
        entry = tarfile.TarInfo(folder)
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
