"""From folders to a Dataset: classes, splits, groups, and a ledger that accounts for every file."""

from collections import Counter

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle.data.ledger import ledger
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.source_config import SourceConfig
from kenspeckle.data.splits import SPLIT_NAMES, SplitConfig, draw
from kenspeckle.errors import DataError
from tests.photo_folders import folder, pixels, write


def ledger_of(dataset):
    return ledger(dataset, draw(dataset, SplitConfig()))


def states(dataset):
    return {item["path"]: item["state"] for item in ledger_of(dataset)["items"]}


def reasons(dataset):
    items = ledger_of(dataset)["items"]
    return {item["path"]: item["reason"] for item in items if "reason" in item}


def test_a_folder_for_each_class_becomes_a_dataset(tmp_path):
    dataset = ks.open_dataset(folder(tmp_path, {"cats": 9, "dogs": 7}))
    assert dataset.class_names == ("cats", "dogs")
    assert np.bincount(dataset.labels).tolist() == [9, 7]
    assert dataset.images.shape == (16, 40, 48, 3)
    assert np.array_equal(dataset.images[0], pixels(0))


def test_classes_are_in_natural_order(tmp_path):
    dataset = ks.open_dataset(folder(tmp_path, {"10": 2, "9": 2, "1": 2}))
    assert dataset.class_names == ("1", "9", "10")


def test_folders_around_everything_do_not_count(tmp_path):
    folder(tmp_path / "photos" / "2019", {"cats": 3, "dogs": 3})
    assert ks.open_dataset(tmp_path).class_names == ("cats", "dogs")


def test_folders_inside_a_class_belong_to_it(tmp_path):
    folder(tmp_path / "cats", {"winter": 3, "summer": 3})
    folder(tmp_path / "dogs", {"winter": 3}, first=50)
    assert ks.open_dataset(tmp_path).class_names == ("cats", "dogs")


@pytest.mark.parametrize(
    ("validation", "test"), [("val", "test"), ("valid", "Test"), ("validation", "testing")]
)
def test_the_splits_of_the_source_are_kept(tmp_path, validation, test):
    for name, count, first in (("train", 6, 0), (validation, 3, 100), (test, 2, 200)):
        folder(tmp_path / name, {"cats": count, "dogs": count}, first=first)
    found = Counter(states(ks.open_dataset(tmp_path)).values())
    assert found == {"train": 12, "validation": 6, "test": 4}


def test_a_source_without_test_set_gets_one_from_its_training_part(tmp_path):
    folder(tmp_path / "train", {"cats": 20, "dogs": 20})
    folder(tmp_path / "val", {"cats": 5, "dogs": 5}, first=100)
    found = Counter(states(ks.open_dataset(tmp_path)).values())
    assert found == {"train": 34, "validation": 10, "test": 6}


def test_one_class_map_serves_all_splits_and_what_is_missing_is_said(tmp_path):
    folder(tmp_path / "train", {"ants": 4, "bees": 4, "cats": 4})
    folder(tmp_path / "test", {"ants": 2, "cats": 2}, first=100)
    dataset = ks.open_dataset(tmp_path)
    is_cat = np.array([p.name.split("/")[1] == "cats" for p in dataset.origin.pictures])
    assert set(dataset.labels[is_cat].tolist()) == {2}
    assert "the test split of the source has no bees" in dataset.origin.notes


def test_a_class_that_nothing_can_be_learned_of_is_excluded(tmp_path):
    folder(tmp_path / "train", {"ants": 5, "bees": 5})
    folder(tmp_path / "test", {"ants": 2, "wasps": 2}, first=100)
    dataset = ks.open_dataset(tmp_path)
    assert dataset.class_names == ("ants", "bees")
    assert set(reasons(dataset).values()) == {"unknown-class"}


def test_an_empty_class_is_none_and_is_said(tmp_path):
    folder(tmp_path, {"cats": 5, "dogs": 5})
    (tmp_path / "eels").mkdir()
    dataset = ks.open_dataset(tmp_path)
    assert dataset.class_names == ("cats", "dogs")
    assert "no usable picture, so no class: eels" in dataset.origin.notes


def test_the_only_picture_of_a_class_is_trained_on_and_said(tmp_path):
    folder(tmp_path, {"cats": 20, "dogs": 20, "eels": 1})
    dataset = ks.open_dataset(tmp_path)
    assert states(dataset)["eels/0.png"] == "train"
    assert "one picture only, which is trained on: eels" in dataset.origin.notes


def test_one_class_alone_is_a_dataset_all_the_same(tmp_path):
    assert ks.open_dataset(folder(tmp_path, {"cats": 9})).class_names == ("cats",)


def test_equal_pixels_under_two_labels_are_believed_under_none(tmp_path):
    folder(tmp_path, {"cats": 5, "dogs": 5})
    write(tmp_path / "cats" / "same.png", 300)
    write(tmp_path / "dogs" / "same.bmp", 300, kind="BMP")
    found = reasons(ks.open_dataset(tmp_path))
    assert found == {"cats/same.png": "contradiction", "dogs/same.bmp": "contradiction"}


def test_a_file_in_no_class_folder_is_excluded(tmp_path):
    folder(tmp_path, {"cats": 5, "dogs": 5})
    write(tmp_path / "stray.png", 300)
    assert reasons(ks.open_dataset(tmp_path)) == {"stray.png": "unlabelled"}


@pytest.mark.parametrize("label", ["first-character", "^(.)", r"([a-z])\d+\.png"])
def test_file_names_can_tell_the_label(tmp_path, label):
    for number in range(12):
        write(tmp_path / f"{'ab'[number % 2]}{number}.png", number)
    dataset = ks.open_dataset(tmp_path, data=SourceConfig(label=label))
    assert dataset.class_names == ("a", "b")


def test_pictures_without_folders_ask_for_a_rule(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.png", number)
    with pytest.raises(DataError) as caught:
        ks.open_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: no file in it has a class (it is in no class folder); make a folder for "
        "each class, or say how file names tell it, such as --set data.label=first-character"
    )


def test_a_folder_without_any_picture_says_what_the_first_file_is(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "a.txt").write_bytes(b"text")
    with pytest.raises(DataError) as caught:
        ks.open_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: none of 1 files is a picture that can be used; the first: cats/a.txt: "
        "not a picture; expected PNG, JPEG, GIF, BMP, WEBP, TIFF"
    )


def splits_of_names(dataset):
    splits = draw(dataset, SplitConfig(validation=0.2, test=0.2))
    return {
        dataset.origin.pictures[index].name: name
        for name in SPLIT_NAMES
        for index in splits.indices(name)
    }


def test_exact_copies_stay_in_one_split(tmp_path):
    folder(tmp_path, {"cats": 30, "dogs": 30})
    for number in range(30):
        write(tmp_path / "cats" / f"copy of {number}.bmp", number, kind="BMP")
    found = splits_of_names(ks.open_dataset(tmp_path))
    assert all(
        found[f"cats/{number}.png"] == found[f"cats/copy of {number}.bmp"] for number in range(30)
    )


def test_a_group_in_the_name_stays_in_one_split(tmp_path):
    for number in range(60):
        label = number % 2
        write(
            tmp_path / ("cats", "dogs")[label] / f"p{number // 6}-{number}.png", number, label=label
        )
    dataset = ks.open_dataset(tmp_path, data=SourceConfig(group=r"^(p\d+)-"))
    found = splits_of_names(dataset)
    together = Counter((name.split("/")[1].split("-")[0], split) for name, split in found.items())
    assert len(together) == 10
    assert set(found.values()) == set(SPLIT_NAMES)
    apart = splits_of_names(ks.open_dataset(tmp_path))  # control: without the rule they straddle
    assert len({(n.split("/")[1].split("-")[0], s) for n, s in apart.items()}) > 10


def test_a_copy_of_a_test_picture_is_not_trained_on(tmp_path):
    folder(tmp_path / "train", {"cats": 10, "dogs": 10})
    folder(tmp_path / "test", {"cats": 4, "dogs": 4}, first=100)
    write(tmp_path / "train" / "cats" / "leak.png", 101)
    dataset = ks.open_dataset(tmp_path)
    assert reasons(dataset) == {"train/cats/leak.png": "leak"}
    assert states(dataset)["test/cats/1.png"] == "test"


def test_leaks_that_leave_nothing_to_learn_of_a_class_are_an_error(tmp_path):
    folder(tmp_path / "train", {"cats": 10, "dogs": 10})
    folder(tmp_path / "test", {"cats": 4, "dogs": 4}, first=100)
    write(tmp_path / "train" / "eels" / "0.png", 400)
    write(tmp_path / "test" / "eels" / "0.png", 400)
    with pytest.raises(DataError, match="every picture of eels to train on has a copy"):
        draw(ks.open_dataset(tmp_path), SplitConfig())


def test_a_class_folder_beside_splits_is_refused(tmp_path):
    for name in ("train", "test", "extra"):
        folder(tmp_path / name, {"cats": 2, "dogs": 2})
    with pytest.raises(DataError, match="train stands beside extra"):
        ks.open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("kind", "expected"), [("resize", (20, 30)), ("crop", (20, 30)), ("pad", (20, 30))]
)
def test_pictures_of_many_sizes_come_in_one(tmp_path, kind, expected):
    folder(tmp_path, {"cats": 3, "dogs": 3})
    from PIL import Image

    Image.fromarray(pixels(50)).resize((200, 31)).save(tmp_path / "cats" / "wide.png")
    config = PreprocessConfig(kind=kind, height=20, width=30)
    assert ks.open_dataset(tmp_path, preprocess=config).images.shape == (7, *expected, 3)


def test_grey_pictures_stay_grey(tmp_path):
    from PIL import Image

    for number in range(6):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels(number)[..., 0]).save(path)
    assert ks.open_dataset(tmp_path).images.shape[3] == 1


def test_a_run_on_a_folder_predicts_evaluates_and_resumes_the_same_pictures(tmp_path):
    photos = folder(tmp_path / "photos", {"cats": 40, "dogs": 40})
    settings = ["threads=1", "precision=fp32", "train.epochs=2", "train.batch_size=16"]
    run = ks.train(photos, recipe="swift", settings=settings, out=tmp_path / "run")
    measured = ks.evaluate(run).measurement
    assert measured.n == 12
    names = [item["path"] for item in run.ledger["items"] if item["state"] == "test"]
    model = ks.load(run.model_file)
    told = ks.predict(model, [photos / name for name in names])
    right = [one.label == name.split("/")[0] for one, name in zip(told, names, strict=True)]
    assert sum(right) / 12 == pytest.approx(measured.accuracy)
