"""What somebody says is wrong is kept, with its picture, in a file that harms no one."""

import asyncio
import csv
import hashlib

import pytest

from kenspeckle.errors import DataError, StorageError
from kenspeckle.serving.answer import Answer
from kenspeckle.serving.batching import BatchLimits, Told
from kenspeckle.serving.bodies import Upload
from kenspeckle.serving.desk import ServingDesk
from kenspeckle.serving.metrics import Metrics
from kenspeckle.serving.review import append_review
from kenspeckle.serving.shelf import KEPT, KEPT_BYTES, Shelf


class Worker:
    class_names, version, is_gone = ("cat", "dog"), "v" * 12, False


def desk(folder):
    async def made():
        found = ServingDesk(
            name="m", model=folder / "x.safetensors", run=None, limits=BatchLimits(),
            metrics=Metrics(),
        )  # fmt: skip
        found.batcher.worker = Worker()
        return found

    return asyncio.run(made())


def keep(found, name, picture=b"\x89PNG picture"):
    answer = Answer(name=name, label="cat", probability=0.75, version="v" * 12)
    told = Told([answer], ("cat", "dog"), "v" * 12, [b""])
    found.remember([answer], [Upload(name, picture)], told)
    return found.recent()[0].key


def rows(folder):
    with open(folder / "review.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_mark_is_a_row_and_a_picture_in_the_folder_of_the_model(tmp_path):
    found = desk(tmp_path)
    key = keep(found, "a.png")
    found.mark_wrong(key, "dog")
    (row,) = rows(tmp_path)
    picture = row.pop("picture")
    assert row.pop("time").endswith("+00:00")
    assert row == {
        "name": "a.png", "label": "cat", "probability": "0.75", "right_label": "dog",
        "version": "v" * 12,
    }  # fmt: skip
    assert (tmp_path / picture).read_bytes() == b"\x89PNG picture"
    assert found.recent()[0].marked == "dog"


def test_a_picture_is_kept_once_however_often_it_is_marked(tmp_path):
    found = desk(tmp_path)
    for name in ("a", "b"):
        found.mark_wrong(keep(found, name), "dog")
    assert len(rows(tmp_path)) == 2
    digest = hashlib.sha256(b"\x89PNG picture").hexdigest()[:32]
    assert [path.name for path in (tmp_path / "review").iterdir()] == [f"{digest}.png"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C'!A0"])
def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path, name):
    found = desk(tmp_path)
    found.mark_wrong(keep(found, name), "dog")
    (row,) = rows(tmp_path)
    assert not row["name"].startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("name", ['a"b,c', "two\nlines", "\x00", "\ud800", "../../etc/passwd"])
def test_a_name_stays_one_value_whatever_is_in_it(tmp_path, name):
    found = desk(tmp_path)
    found.mark_wrong(keep(found, name), "dog")
    (row,) = rows(tmp_path)
    assert row["right_label"] == "dog"
    assert {path.name for path in tmp_path.iterdir()} == {"review.csv", "review"}


def test_an_unknown_class_or_answer_is_refused(tmp_path):
    found = desk(tmp_path)
    key = keep(found, "a")
    with pytest.raises(DataError, match=r"unknown class 'cow' \(known: cat, dog\)"):
        found.mark_wrong(key, "cow")
    with pytest.raises(KeyError):
        found.mark_wrong("nonsense", "dog")
    assert not (tmp_path / "review.csv").exists()


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    outside = tmp_path / "outside"
    (tmp_path / "run").mkdir()
    (tmp_path / "run/review.csv").symlink_to(outside)
    with pytest.raises(StorageError, match=r"review\.csv: cannot be written"):
        append_review(
            tmp_path / "run", name="a", label="a", probability=1, right_label="b", time="t",
            version="v", picture=b"x",
        )  # fmt: skip
    assert not outside.exists()


def test_recent_answers_are_bounded_in_number_and_in_bytes():
    shelf = Shelf()
    for number in range(KEPT + 50):
        shelf.add(Answer(name=str(number)), b"x", b"")
    recent = shelf.recent()
    assert len(recent) == KEPT
    assert recent[0].answer.name == str(KEPT + 49)
    for _ in range(20):
        shelf.add(Answer(), b"x" * (KEPT_BYTES // 5), b"t")
    assert sum(len(item.thumbnail) for item in shelf.recent()) <= KEPT_BYTES
    assert len(shelf.recent()) == 4


def test_a_small_picture_is_its_own_thumbnail_and_a_large_one_gets_one(tmp_path):
    found = desk(tmp_path)
    keep(found, "a", b"\x89PNG small")
    assert found.recent()[0].thumbnail == b"\x89PNG small"
