"""Mislabelled items: found, reviewed, applied and undone, with the source left as it is."""

import csv

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.cli.main import main
from kenspeckle.evaluation.label_quality import suspects
from kenspeckle.relabelling import apply_review, corrections_file, undo_review, write_review

WRONG = (3, 40, 77)


@pytest.fixture
def source(tmp_path):
    """An .npz of bars with three wrong labels."""
    data = bars()
    labels = data.labels.copy()
    labels[list(WRONG)] = (labels[list(WRONG)] + 1) % 3
    path = tmp_path / "bars.npz"
    np.savez(path, images=data.images, labels=labels)
    return path


@pytest.fixture
def reviewed(source, tmp_path):
    file = tmp_path / "review.csv"
    settings = [line for line in SMALL if "epochs" not in line]
    write_review(str(source), file, recipe="swift", settings=[*settings, "train.epochs=12"])
    return file


def rows_of(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_planted_errors_are_listed_first_with_neighbours(source, reviewed):
    rows = rows_of(reviewed)
    kept = {int(row["item"]) for row in rows[:3]}
    assert kept <= set(WRONG) and len(kept) >= 2
    assert all(rows[0][f"neighbour{number}"] for number in (1, 2, 3))


def test_what_is_applied_is_honoured_and_undone(source, reviewed):
    before = source.read_bytes()
    made = apply_review(str(source), reviewed)
    assert made.file == corrections_file(str(source)) and made.items == len(rows_of(reviewed))
    plain = ks.open_dataset(source)
    from kenspeckle.data.source_config import SourceConfig

    fixed = ks.open_dataset(source, data=SourceConfig(corrections=str(made.file)))
    changed = set(np.flatnonzero(plain.labels != fixed.labels).tolist())
    assert changed == {int(row["item"]) for row in rows_of(reviewed)}
    assert source.read_bytes() == before
    undo_review(str(source), reviewed)
    assert not made.file.exists()


def test_a_correction_of_another_picture_is_refused(source, reviewed, tmp_path):
    apply_review(str(source), reviewed)
    path = corrections_file(str(source))
    images = np.load(source)["images"][::-1]
    np.savez(source, images=images, labels=np.load(source)["labels"])
    from kenspeckle.data.source_config import SourceConfig

    with pytest.raises(ks.KenspeckleError, match="is another picture than the one that was"):
        ks.open_dataset(source, data=SourceConfig(corrections=str(path)))


def test_what_was_never_applied_cannot_be_undone(source, reviewed):
    with pytest.raises(ks.KenspeckleError, match="nothing to undo, no corrections were applied"):
        undo_review(str(source), reviewed)


def test_a_class_that_is_not_there_is_refused_and_leaves_nothing(source, reviewed):
    text = reviewed.read_text().replace(rows_of(reviewed)[0]["check"], "0" * 16)
    reviewed.write_text(text)
    with pytest.raises(ks.KenspeckleError):
        apply_review(str(source), reviewed)
    assert not corrections_file(str(source)).exists()


def test_apply_without_a_file_says_what_to_add(capsys):
    assert main(["diagnose", "digits", "--apply"]) == 1
    assert capsys.readouterr().err == (
        "ken: --apply and --undo need the reviewed file; add --review FILE\n"
    )


def test_sure_probabilities_against_the_label_are_suspected():
    labels = np.array([0, 0, 0, 1, 1, 1])
    shares = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]] * 3, dtype=np.float32)
    assert len(suspects(shares, labels).items) == 0
    wrong = labels.copy()
    wrong[0] = 1
    found = suspects(shares, wrong)
    assert found.items.tolist() == [0] and found.suggested.tolist() == [0]
