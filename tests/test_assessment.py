"""Evaluation: which items are measured, on what terms, and how often test was opened."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle import runlog
from kenspeckle.errors import DataError
from tests.photo_folders import folder, write


def test_evaluate_opens_the_test_split_and_counts_it(dataset, tmp_path):
    run = ks.train(dataset, settings=SMALL, out=tmp_path / "run")
    first = ks.evaluate(run, dataset)
    second = ks.evaluate(run, dataset)
    assert (first.openings, first.role) == (1, "untouched")
    assert (second.openings, second.role) == (2, "opened before")
    assert run.result["test"]["openings"] == 2
    row = runlog.find(tmp_path, "run")
    assert (row.test_openings, row.test_accuracy) == (2, first.measurement.accuracy)


def test_an_opening_by_the_model_of_an_epoch_is_in_the_run_log(dataset, tmp_path):
    run = ks.train(dataset, settings=(*SMALL, "train.keep_models=1"), out=tmp_path / "run")
    ks.evaluate(run, dataset, epoch=1)
    row = runlog.find(tmp_path, "run")
    assert (row.test_openings, row.test_accuracy) == (1, None)  # that of the run is not known yet
    best = ks.evaluate(run, dataset)
    ks.evaluate(run, dataset, epoch=1)
    row = runlog.find(tmp_path, "run")
    assert (row.test_openings, row.test_accuracy) == (3, best.measurement.accuracy)
    ks.evaluate(run, dataset, epoch=1, split="validation")
    assert runlog.find(tmp_path, "run").test_openings == 3


def test_evaluate_on_other_data_leaves_the_run_alone(run):
    before = (run.path / "result.json").read_bytes()
    found = ks.evaluate(run, bars(90, seed=9))
    assert (found.role, found.openings) == ("other data", 0)
    assert (run.path / "result.json").read_bytes() == before


def test_other_data_without_a_test_set_is_measured_whole(run):
    found = ks.evaluate(run, bars(90, seed=9)).measurement
    assert (found.split, found.n) == ("all", 90)


def test_a_single_picture_of_other_data_is_enough(run):
    assert ks.evaluate(run, bars(1, seed=9)).measurement.n == 1


def with_test_set(data, count):
    official = np.arange(len(data)) < count
    return replace(data, official_test=official)


def test_other_data_with_a_test_set_is_measured_on_that(run):
    data = with_test_set(bars(90, seed=9), 30)
    found = ks.evaluate(run, data).measurement
    assert (found.split, found.n) == ("test", 30)


def test_the_own_data_without_a_test_set_is_never_measured_whole(run, dataset):
    found = ks.evaluate(run, dataset, split="validation").measurement
    assert (found.split, found.n) == ("validation", 17)


def test_other_data_without_a_test_set_has_no_other_splits(run):
    with pytest.raises(DataError) as caught:
        ks.evaluate(run, bars(90, seed=9), split="train")
    assert str(caught.value) == (
        "bars is not the data of this run and has no split train; "
        "leave out --split to measure all of it"
    )


def test_a_split_that_there_is_not_is_named(run):
    with pytest.raises(DataError, match=r"unknown split 'val' \(known: train, validation, test\)"):
        ks.evaluate(run, bars(90, seed=9), split="val")


def renamed(data, names, order):
    """`data` with the classes `names`, and label i turned into `order[i]` or left out for None."""
    kept = np.array([order[label] is not None for label in data.labels])
    labels = np.array([order[label] for label in data.labels[kept]])
    return ks.memory_dataset(data.images[kept], labels, class_names=names, source="other")


def test_classes_are_told_by_their_names_and_not_by_their_numbers(run):
    data = bars(90, seed=9)
    whole = ks.evaluate(run, data).measurement
    turned = renamed(data, ("slanted", "flat", "upright"), (1, 2, 0))
    assert ks.evaluate(run, turned).measurement == whole


def test_data_may_have_only_some_of_the_classes(run):
    data = bars(90, seed=9)
    whole = {row.name: row for row in ks.evaluate(run, data).measurement.per_class}
    some = renamed(data, ("slanted", "upright"), (None, 1, 0))
    found = ks.evaluate(run, some).measurement
    rows = {row.name: row for row in found.per_class}
    assert list(rows) == ["flat", "upright", "slanted"]
    assert (rows["flat"].n, rows["upright"].n) == (0, 30)
    assert rows["slanted"].recall == whole["slanted"].recall


def test_evaluate_names_the_classes_that_the_model_does_not_know(run):
    with pytest.raises(DataError) as caught:
        ks.evaluate(run, renamed(bars(9), ("bent", "upright", "round"), (0, 1, 2)))
    assert str(caught.value) == (
        "other has classes that the model does not know: bent, round "
        "(known: flat, upright, slanted)"
    )


def test_a_class_that_did_not_occur_is_null_in_the_result(tmp_path):
    data = with_test_set(bars(), 0)
    official = data.labels == 0
    official[40:] = False
    run = ks.train(replace(data, official_test=official), settings=SMALL, out=tmp_path / "run")
    ks.evaluate(run, replace(data, official_test=official))
    text = (tmp_path / "run" / "result.json").read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert [row["recall"] is None for row in found["test"]["per_class"]] == [False, True, True]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A run on pictures in folders, of which one class is in the test folder only."""
    place = tmp_path_factory.mktemp("photos")
    folder(place / "own" / "train", {"red": 12, "green": 12})
    folder(place / "own" / "test", {"red": 4, "green": 4, "blue": 4}, first=50)
    return place, ks.train(place / "own", recipe="swift", settings=SMALL, out=place / "run")


def test_the_own_test_split_is_that_of_the_classes_that_were_learned(photos):
    _, run = photos
    found = ks.evaluate(run)
    assert (found.role, found.measurement.n) == ("untouched", 8)


def test_a_class_that_only_the_test_folder_of_other_data_has_is_measured(photos, tmp_path):
    _, run = photos
    other = tmp_path / "other"
    folder(other / "train", {"red": 3}, first=80)
    write(other / "val" / "red" / "0.png", 90)
    folder(other / "test", {"red": 4, "green": 5}, first=100)
    found = ks.evaluate(run, other)
    assert (found.role, found.measurement.split, found.measurement.n) == ("other data", "test", 9)


def test_a_class_of_other_data_that_the_model_does_not_know_is_named(photos, tmp_path):
    _, run = photos
    folder(tmp_path / "other" / "train", {"red": 3, "green": 3}, first=80)
    folder(tmp_path / "other" / "test", {"red": 4, "green": 5, "violet": 2}, first=100)
    with pytest.raises(DataError, match="classes that the model does not know: violet"):
        ks.evaluate(run, tmp_path / "other")


def test_a_dataset_of_picture_files_is_read_at_the_size_of_the_run(photos):
    place, run = photos
    found = ks.evaluate(run, ks.open_dataset(place / "own"))
    assert found.role == "opened before"


def test_every_number_of_a_split_is_in_the_result_with_interval_n_and_method(dataset, tmp_path):
    run = ks.train(dataset, settings=SMALL, out=tmp_path / "run")
    found = ks.evaluate(run, dataset)
    entry = json.loads((run.path / "result.json").read_bytes())["test"]
    assert entry["role"] == "untouched"
    for name in ("accuracy", "top_2", "macro_f1", "auroc", "log_loss", "brier", "ece"):
        figure = entry["metrics"][name]
        assert figure["n"] == entry["n"] and figure["method"]
        assert figure["interval"]["low"] <= figure["value"] <= figure["interval"]["high"]
    assert entry["metrics"]["accuracy"]["value"] == entry["accuracy"] == found.measurement.accuracy


def test_thresholds_and_sets_are_chosen_on_validation_and_measured_on_test(dataset, tmp_path):
    run = ks.train(dataset, settings=SMALL, out=tmp_path / "run")
    relied = ks.evaluate(run, dataset).reliance
    assert (relied.threshold.chosen_on, relied.threshold.measured_on) == ("validation", "test")
    for sets in relied.sets:
        assert (sets.fitted_on, sets.fitted_n, sets.measured_on) == ("validation", 17, "test")
    assert run.result["test"]["reliance"]["sets"][0]["coverage"]["n"] == run.result["test"]["n"]
    assert ks.evaluate(run, dataset, split="validation").reliance is None


def test_items_of_one_group_count_together(dataset, tmp_path):
    grouped = replace(dataset, groups=np.arange(len(dataset)) // 6)
    run = ks.train(grouped, settings=SMALL, out=tmp_path / "run")
    method = ks.evaluate(run, grouped).measurement.metrics["accuracy"].method
    count = len(np.unique(grouped.groups[_test_items(run, grouped)]))
    assert method == f"Wilson for the effective n, of {count} groups"


def _test_items(run, data):
    from kenspeckle.data.splits import draw

    return draw(data, run.config.splits).test
