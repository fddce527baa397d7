"""Folders with everything in them that folders of pictures have been seen to hold."""

import hashlib
import os
import socket
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks
from kenspeckle.data.ledger import ledger
from kenspeckle.data.splits import SplitConfig, draw
from tests.photo_folders import encoded, folder, pixels

USED = "used"
ROOT = os.geteuid() == 0  # for whom no file is unreadable


def picture(number, kind="PNG", **options):
    return encoded(pixels(1000 + number), kind, **options)


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(1, "JPEG", exif=exif)


def frames(kind):
    images = [Image.fromarray(pixels(2000 + number)) for number in range(3)]
    return encoded(np.asarray(images[0]), kind, save_all=True, append_images=images[1:])


def broken_content(number):
    data = bytearray(picture(number))
    middle = data.index(b"IDAT") + 40
    data[middle : middle + 60] = bytes(60)
    return bytes(data)


def huge_header():
    data = bytearray(picture(3))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


FILES = {  # name: content, and the state that it must end in
    "zero.png": (b"", "empty"),
    "noise.png": (bytes(range(256)) * 8, "not-a-picture"),
    "text.jpg": (b"this is no picture", "not-a-picture"),
    "page.jpg": (b"<!doctype html><title>404</title>", "not-a-picture"),
    "notes.txt": (b"taken in June", "not-a-picture"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-picture"),
    "cut.png": (picture(10)[:-200], "truncated"),
    "cut.jpg": (picture(11, "JPEG")[:-300], "truncated"),
    "cut.gif": (picture(12, "GIF")[:-300], "truncated"),
    "cut.bmp": (picture(13, "BMP")[:-500], "truncated"),
    "broken.png": (broken_content(14), "damaged"),
    "bomb.png": (huge_header(), "too-large"),
    "jpeg.png": (picture(15, "JPEG"), USED),
    "png.jpg": (picture(16), USED),
    "nothing": (picture(17), USED),
    "LOUD.PNG": (picture(18), USED),
    "Twin.png": (picture(19), USED),
    "twin.png": (picture(20), USED),
    "animated.gif": (frames("GIF"), USED),
    "animated.webp": (frames("WEBP"), USED),
    "animated.png": (frames("PNG"), USED),
    "pages.tif": (frames("TIFF"), USED),
    "deep.png": (encoded(pixels(21)[..., 0].astype(np.uint16) * 257), USED),
    "print.jpg": (encoded(np.dstack([pixels(22), pixels(23)[..., :1]]), "PNG"), USED),
    "rotated.jpg": (rotated(), USED),
    "-rf.png": (picture(24), USED),
    " spaces .png": (picture(25), USED),
    "con.png": (picture(26), USED),
    "line\nbreak.png": (picture(27), USED),
    "escape\x1b[31m.png": (picture(28), USED),
    "\u202egnp.png": (picture(29), USED),
    "<script>alert(1)</script>".replace("/", ":") + ".png": (picture(30), USED),
    "日本語 🐈.png": (picture(31), USED),
    "a" * 251 + ".png": (picture(32), USED),
    ".DS_Store": (b"\0\0\0\1Bud1", "system-file"),
    "._real.png": (b"\0\5\26\7", "system-file"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", "system-file"),
    "desktop.ini": (b"[.ShellClassInfo]", "system-file"),
    "__MACOSX/real.png": (picture(33), "system-file"),
    ".git/objects.png": (picture(34), "system-file"),
    "album.png/inside.png": (picture(35), USED),
}
SPECIAL = {
    "fifo.png": "special",
    "socket.png": "special",
    "null.png": "special",
    "locked.png": USED if ROOT else "unreadable",
    "dangling.png": "broken-link",
    "self.png": "link-loop",
    "ring-a.png": "link-loop",
    "up": "link-loop",
    "linked.png": USED,
    "hard.png": USED,
    "bad-\\xff.png": USED,
    "empty.png": None,  # an empty folder: nothing to account for
}
POSITIONS = {"class": "cats", "deeper": "cats/2019/holidays", "split": "train/cats"}


def make_special(place: Path) -> None:
    os.mkfifo(place / "fifo.png")
    # a socket's name may only be short, so it is bound from inside the folder
    here = os.getcwd()
    os.chdir(place)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.png")
    finally:
        os.chdir(here)
    (place / "null.png").symlink_to("/dev/null")
    (place / "locked.png").write_bytes(picture(40))
    (place / "locked.png").chmod(0)
    (place / "dangling.png").symlink_to("nowhere.png")
    (place / "self.png").symlink_to("self.png")
    (place / "ring-a.png").symlink_to("ring-b")
    (place / "ring-b").symlink_to("ring-a.png")
    (place / "up").symlink_to("..")
    (place / "linked.png").symlink_to("png.jpg")
    os.link(place / "jpeg.png", place / "hard.png")
    Path(os.fsdecode(os.fsencode(place) + b"/bad-\xff.png")).write_bytes(picture(41))
    (place / "empty.png").mkdir()


def snapshot(root):
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o400)
            found[path] = hashlib.sha256(path.read_bytes()).digest()
            path.chmod(mode)
    return found


@pytest.fixture(scope="module", params=POSITIONS)
def opened(request, tmp_path_factory):
    """Position, the tree, its ledger by name, and what its files were before and after."""
    root = tmp_path_factory.mktemp("tree")
    base = root / "train" if request.param == "split" else root
    folder(base, {"cats": 8, "dogs": 8})
    if request.param == "split":
        folder(root / "test", {"cats": 4, "dogs": 4}, first=500)
    place = root / POSITIONS[request.param]
    place.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in FILES.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
    make_special(place)
    before = snapshot(root)
    dataset = ks.open_dataset(root)
    document = ledger(dataset, draw(dataset, SplitConfig()))
    return POSITIONS[request.param], root, document["items"], before, snapshot(root)


def state(items, name):
    """What the ledger says of one name; it must say exactly one thing."""
    (found,) = [item for item in items if item["path"] == name]
    return found.get("reason", USED)


@pytest.mark.parametrize("name", [*FILES, *SPECIAL])
def test_a_file_ends_in_its_state(opened, name):
    position, _, items, _, _ = opened
    expected = FILES[name][1] if name in FILES else SPECIAL[name]
    shown = "".join(
        c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in name
    )
    if expected is None:
        assert not [item for item in items if item["path"].startswith(f"{position}/{shown}")]
    else:
        assert state(items, f"{position}/{shown}") == expected


def test_every_name_in_the_tree_is_accounted_for_once(opened):
    _, root, items, _, _ = opened
    names = [item["path"] for item in items]
    assert len(names) == len(set(names))
    on_disk = sum(
        len(files) + sum(os.path.islink(os.path.join(where, name)) for name in folders)
        for where, folders, files in os.walk(root)
    )
    assert len(names) == on_disk


def test_no_file_is_changed_or_deleted(opened):
    _, _, _, before, after = opened
    assert before == after


def test_names_are_printable(opened):
    _, _, items, _, _ = opened
    assert all(item["path"].isprintable() for item in items)
    assert all(item["path"].encode() for item in items)


def test_only_what_a_system_leaves_behind_is_passed_over(tmp_path):
    folder(tmp_path, {"cats": 8, "dogs": 8})
    for name in ("__MACOSX", "MACOSX"):
        (tmp_path / "cats" / name).mkdir()
        (tmp_path / "cats" / name / "real.png").write_bytes(picture(33))
    names = [item.name for item in ks.open_dataset(tmp_path).origin.pictures]
    assert [name for name in names if "MACOSX" in name] == ["cats/MACOSX/real.png"]
