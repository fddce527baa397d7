"""The folder of a run: made, refused, found again, logged by its own name."""

import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import runlog
from kenspeckle.errors import DataError, RunError


def test_a_folder_with_a_run_is_never_overwritten(run, dataset):
    with pytest.raises(RunError, match="there is a run here already; choose another --out"):
        ks.train(dataset, settings=SMALL, out=run.path)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"no run here \(missing config.toml\)"):
        ks.open_run(tmp_path)


@pytest.mark.parametrize("name", ["notes.txt", "config.toml.bak", ".notes.tmp-17"])
def test_a_folder_with_other_things_is_refused_and_left_alone(dataset, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunError) as caught:
        ks.train(dataset, settings=SMALL, out=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: not empty and no run ({name} is in it); choose another --out"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_an_empty_folder_may_become_a_run(dataset, tmp_path):
    assert ks.train(dataset, settings=SMALL, out=tmp_path).is_finished


TOO_FEW = bars(3)  # no validation split can be drawn


def test_the_folder_of_a_run_that_is_refused_is_removed(tmp_path):
    with pytest.raises(DataError, match="3 pictures leave validation and test empty"):
        ks.train(TOO_FEW, settings=SMALL, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_numbered_folder_of_a_run_that_is_refused_is_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError):
        ks.train(TOO_FEW, settings=SMALL)
    assert not (tmp_path / "runs").exists()


def test_an_empty_folder_that_was_there_survives_a_run_that_is_refused(tmp_path):
    for _ in range(2):  # what the first attempt leaves is no obstacle to the second
        with pytest.raises(DataError, match="3 pictures leave validation and test empty"):
            ks.train(TOO_FEW, settings=SMALL, out=tmp_path)
    assert tmp_path.is_dir()


def test_an_empty_folder_that_was_there_is_left_empty_by_a_run_that_is_refused(tmp_path):
    with pytest.raises(DataError, match="3 pictures leave validation and test empty"):
        ks.train(TOO_FEW, settings=SMALL, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_a_folder_of_folders_that_are_missing_is_made(dataset, tmp_path):
    assert ks.train(dataset, settings=SMALL, out=tmp_path / "a" / "b" / "run").is_finished


def test_a_name_that_is_no_utf_8_is_refused_before_a_folder_is_made(dataset, tmp_path):
    with pytest.raises(RunError, match="not a path in UTF-8; choose another --out"):
        ks.train(dataset, settings=SMALL, out=tmp_path / "\udcff")
    assert list(tmp_path.iterdir()) == []


def test_the_numbers_of_runs_go_on(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [ks.train(dataset, settings=SMALL).path.as_posix() for _ in range(2)]
    assert found == ["runs/bars-swift-001", "runs/bars-swift-002"]


def test_a_run_that_is_named_by_a_dot_is_logged_by_its_name(dataset, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    ks.train(dataset, settings=SMALL, out=".")
    ks.evaluate(".", dataset)
    assert [row.run for row in runlog.rows(tmp_path)] == ["run"]
    assert runlog.find(tmp_path, "run").test_openings == 1


def test_a_run_that_is_named_by_a_link_is_logged_by_its_own_name(dataset, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    run = ks.train(dataset, settings=SMALL, out=tmp_path / "run")
    (tmp_path / "elsewhere" / "latest").symlink_to(run.path)
    ks.evaluate(tmp_path / "elsewhere" / "latest", dataset)
    assert runlog.find(tmp_path, "run").test_openings == 1
    assert not (tmp_path / "elsewhere" / "log.sqlite").exists()


def test_asking_for_epochs_before_the_first_says_how_to_get_one(tmp_path):
    with pytest.raises(RunError) as caught:
        _ = ks.Run(tmp_path).epochs
    assert str(caught.value) == (
        f"{tmp_path}: no epoch is finished here (missing epochs.jsonl); "
        f"go on with `ken train --resume {tmp_path}`"
    )


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("name", ["epochs", "result"])
def test_a_record_that_is_damaged_is_one_line(tmp_path, name, text):
    path = tmp_path / {"epochs": "epochs.jsonl", "result": "result.json"}[name]
    path.write_bytes(text)
    with pytest.raises(RunError) as caught:
        getattr(ks.Run(tmp_path), name)
    assert str(caught.value).startswith(f"{path}: not readable: ")
