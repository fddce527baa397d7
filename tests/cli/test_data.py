"""`ken data`: what it prints, writes and says in JSON."""

import json

import numpy as np
import pytest
from PIL import Image

from kenspeckle.cli.main import main
from tests.photo_folders import folder, write


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    path = folder(tmp_path_factory.mktemp("photos") / "photos", {"cats": 40, "dogs": 8, "eels": 1})
    (path / "cats" / "cut.png").write_bytes((path / "cats" / "0.png").read_bytes()[:-99])
    write(path / "dogs" / "copy.bmp", 3, label=1, kind="BMP")
    with Image.open(path / "cats" / "5.png") as image:
        image.save(path / "cats" / "again.jpg", quality=70)
    return path


def told(capsys, *arguments):
    code = main(["data", *map(str, arguments)])
    return code, capsys.readouterr()


def test_the_document_has_all_numbers(photos, tmp_path, capsys):
    code, said = told(capsys, photos, "--json", "--out", tmp_path / "out")
    document = json.loads(said.out.splitlines()[-1])
    assert code == 0
    assert document["items"] == 51
    assert document["excluded"] == [
        {"path": "cats/cut.png", "reason": "truncated", "detail": document["excluded"][0]["detail"]}
    ]
    assert document["classes"] == ["cats", "dogs", "eels"]
    assert sum(sum(counts.values()) for counts in document["splits"].values()) == 51
    assert document["duplicates"]["exact"] == [["dogs/3.png", "dogs/copy.bmp"]]
    assert ["cats/5.png", "cats/again.jpg"] in document["duplicates"]["near"]
    assert document["formats"] == {"PNG": 49, "JPEG": 1, "BMP": 1}
    assert document["imbalance"] > 3


def test_each_finding_ends_with_what_is_done(photos, tmp_path, capsys):
    _, said = told(capsys, photos, "--out", tmp_path / "out")
    text = " ".join(said.out.split())
    for line in (
        "- 1 file: a picture that is cut short cats/cut.png",
        "left out as truncated; data.json of every run names each",
        "- 1 exact copy dogs/3.png = dogs/copy.bmp",
        "copies stay together in one split",
        "they stay together in one split",
        "balanced accuracy and macro F1 are printed beside accuracy",
        "- few pictures: 51",
    ):
        assert line in text


def test_sheets_are_written_and_show_what_they_say(photos, tmp_path, capsys):
    told(capsys, photos, "--out", tmp_path / "out")
    sheets = {}
    for name in ("contact-sheet", "augmented", "mean"):
        with Image.open(tmp_path / "out" / f"{name}.png") as image:
            sheets[name] = np.asarray(image)
    height, width, _ = sheets["contact-sheet"].shape
    assert width > 900
    assert height > 3 * 72
    assert sheets["mean"].shape == (40, 48, 3)
    assert (sheets["contact-sheet"] != 255).any(axis=2).mean() > 0.2


def test_arrays_have_no_files_and_are_told_all_the_same(tmp_path, capsys):
    code, said = told(capsys, "digits", "--json", "--out", tmp_path / "out")
    document = json.loads(said.out.splitlines()[-1])
    assert (code, document["items"], document["excluded"]) == (0, 1797, [])


def test_a_folder_without_pictures_is_one_line(tmp_path, capsys):
    code, said = told(capsys, tmp_path)
    assert code == 1
    assert said.err == f"ken: {tmp_path}: no labelled pictures in it\n"
