"""Data with nothing, one or contradicting things in it: a rule for each, and never a traceback."""

import struct

import numpy as np
import pytest

from kenspeckle.cli.main import main
from tests.photo_folders import folder, write


def idx(path, count, labels, *, size=6):
    images = np.random.default_rng(0).integers(0, 256, count * size * size, dtype=np.uint8)
    path.mkdir()
    (path / "train-images-idx3-ubyte").write_bytes(
        struct.pack(">HBB3I", 0, 8, 3, count, size, size) + images.tobytes()
    )
    if labels is not None:
        element = 8 if all(0 <= label < 256 for label in labels) else 12
        (path / "train-labels-idx1-ubyte").write_bytes(
            struct.pack(">HBBI", 0, element, 1, len(labels))
            + np.array(labels, dtype=">u1" if element == 8 else ">i4").tobytes()
        )
    return path / "train-images-idx3-ubyte"


def npz(path, count, labels, **more):
    images = np.random.default_rng(0).integers(0, 256, (count, 6, 6), dtype=np.uint8)
    arrays = {"images": images, **more}
    if labels is not None:
        arrays["labels"] = np.array(labels)
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    return path


def table(path, *rows):
    folder(path.parent / "pictures", {"x": 8})
    path.write_text("".join(f"{row}\n" for row in ("path,label", *rows)))
    return path


def rows(*labels):
    return [f"pictures/x/{number}.png,{label}" for number, label in enumerate(labels)]


def damaged(path):
    folder(path, {"a": 4, "b": 4})
    for file in path.rglob("*.png"):
        file.write_bytes(b"no picture")
    return path


def alike(path, numbers):
    for label, name in enumerate("ab"):
        for place, number in enumerate(numbers):
            write(path / name / f"{place}.png", number, label=0 if len(numbers) == 1 else label)
    return path


def with_empty(path, counts, *empty):
    folder(path, counts)
    for name in empty:
        (path / name).mkdir(parents=True)
    return path


CASES = {  # what is made at a path, and what is said of it; "" = it can be looked at
    "an empty class": (lambda p: with_empty(p, {"a": 12, "b": 12}, "c"), ""),
    "one picture in a class": (lambda p: folder(p, {"a": 12, "b": 1}), ""),
    "one class": (lambda p: folder(p, {"a": 12}), ""),
    "one picture in each class": (
        lambda p: folder(p, {"a": 1, "b": 1}),
        "2 pictures leave validation and test empty; add pictures",
    ),
    "one picture": (
        lambda p: folder(p, {"a": 1}),
        "1 pictures leave validation and test empty; add pictures",
    ),
    "an empty folder": (lambda p: with_empty(p, {}, "."), "no labelled pictures in it"),
    "nothing but empty classes": (
        lambda p: with_empty(p, {}, "a", "b"),
        "no labelled pictures in it",
    ),
    "no classes": (lambda p: folder(p.parent / "flat", {".": 9}), "no file in it has a class"),
    "an empty test split": (
        lambda p: with_empty(p, {"train/a": 9, "train/b": 9}, "test/a", "test/b"),
        "",
    ),
    "a class in the test split alone": (
        lambda p: folder(p, {"train/a": 9, "train/b": 9, "test/c": 9}),
        "",
    ),
    "other classes in each split": (lambda p: folder(p, {"train/a": 9, "test/b": 9}), ""),
    "nothing but a test split": (lambda p: folder(p, {"test/a": 9, "test/b": 9}), ""),
    "nothing but damaged pictures": (damaged, "none of 8 files is a picture that can be used"),
    "the same picture under both labels": (
        lambda p: alike(p, [3]),
        "no class has a picture to train on",
    ),
    "copies of one picture in each class": (
        lambda p: alike(p, [3] * 6),
        "12 pictures leave validation and test empty; add pictures",
    ),
    "idx: more labels than pictures": (lambda p: idx(p, 8, [0, 1] * 6), "8 images,"),
    "idx: more pictures than labels": (lambda p: idx(p, 12, [0, 1] * 4), "12 images,"),
    "idx: no pictures": (lambda p: idx(p, 0, []), "no pictures in it (shape (0, 6, 6, 1))"),
    "idx: a negative label": (
        lambda p: idx(p, 4, [0, 1, 0, -1]),
        "labels must be in 0..65535, got -1..1",
    ),
    "idx: a label of 70,000": (
        lambda p: idx(p, 4, [0, 1, 0, 70_000]),
        "labels must be in 0..65535, got 0..70000",
    ),
    "idx: one class": (lambda p: idx(p, 8, [0] * 8), ""),
    "idx: one picture": (
        lambda p: idx(p, 1, [0]),
        "1 pictures leave validation and test empty; add pictures",
    ),
    "idx: no labels": (
        lambda p: idx(p, 8, None),
        "no labels file train-labels-idx1-ubyte beside it",
    ),
    "npz: more labels than pictures": (
        lambda p: npz(p, 8, [0, 1] * 6),
        "8 pictures in images, 12 in labels",
    ),
    "npz: no pictures": (
        lambda p: npz(p, 0, []),
        "images: its header (shape (0, 6, 6), uint8) is one of an array that",
    ),
    "npz: a negative label": (
        lambda p: npz(p, 4, [0, 1, 0, -1]),
        "labels must be in 0..65535, got -1..1",
    ),
    "npz: one class": (lambda p: npz(p, 8, [0] * 8), ""),
    "npz: one picture": (
        lambda p: npz(p, 1, [0]),
        "1 pictures leave validation and test empty; add pictures",
    ),
    "npz: no labels": (lambda p: npz(p, 8, None), "labels is missing (it has images)"),
    "npz: labels that are no integers": (
        lambda p: npz(p, 4, [0.0, 1.0, 0.5, 1.0]),
        "labels must be integers, got float64",
    ),
    "table: no rows": (lambda p: table(p), "no labelled pictures in it"),
    "table: nothing but missing files": (
        lambda p: table(p, "gone.png,a", "lost.png,b"),
        "gone.png: listed, but not there (row 2)",
    ),
    "table: one class": (lambda p: table(p, *rows(*"aaaaaaaa")), ""),
    "table: no labels": (lambda p: table(p, *rows(*[""] * 8)), "no label (row 2)"),
    "table: one row": (
        lambda p: table(p, *rows("a")),
        "1 pictures leave validation and test empty; add pictures",
    ),
}


ONE_CLASS = "has pictures of one class"  # said before anything is decoded
OF_ONE_CLASS = {
    "one class",
    "one picture",
    "other classes in each split",
    "idx: one class",
    "idx: one picture",
    "npz: one class",
    "npz: one picture",
    "table: one class",
    "table: one row",
}


def test_there_are_as_many_cases_as_we_say():
    assert len(CASES) >= 30
    assert set(CASES) >= OF_ONE_CLASS


@pytest.mark.parametrize("command", ["data", "train"])
@pytest.mark.parametrize("name", CASES)
def test_degenerate_data_is_looked_at_or_refused_in_one_line(tmp_path, capsys, name, command):
    make, expected = CASES[name]
    if command == "train" and name in OF_ONE_CLASS:  # can be looked at, but not learned from
        expected = ONE_CLASS
    source = make(tmp_path / ("x.csv" if name.startswith("table") else "source"))
    options = ["--set", "threads=1"]
    if command == "train":
        options += ["--recipe", "softmax", "--set", "train.epochs=0", "--set", "train.steps=3"]
    code = main([command, str(source), "--out", str(tmp_path / "out"), *options])
    said = capsys.readouterr().err
    if not expected:
        assert (code, said) == (0, "")
        return
    assert code == 1
    assert expected in said
    assert said.startswith("ken: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()
