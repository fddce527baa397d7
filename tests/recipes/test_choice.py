"""One way from what was typed to a configuration, for training and for looking at data."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.cli.main import main
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.recipes.choice import choose, recipe_for
from kenspeckle.survey import inspect_data
from tests.photo_folders import folder

NONE = "no_such_package"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of two sizes, so that no recipe for small pictures suits them."""
    place = folder(tmp_path_factory.mktemp("photos") / "photos", {"red": 16, "green": 16})
    with Image.open(place / "red" / "0.png") as image:
        image.resize((96, 80)).save(place / "red" / "0.png")
    return place


FAST = ("threads=1", "precision=fp32", "train.epochs=0", "train.steps=2", "train.patience=0")


def test_what_was_typed_wins_over_the_recipe():
    chosen = choose("digits", recipe="blink", settings=["seed=3", "train.epochs=2"], seed=5).config
    assert (chosen.source, chosen.recipe, chosen.seed) == ("digits", "blink", 5)
    assert chosen.train.epochs == 2


def test_a_seed_among_the_settings_counts_where_no_other_is_given():
    assert choose(recipe="blink", settings=["seed=3"]).config.seed == 3


def test_settings_that_can_be_read_only_once_are_enough():
    assert choose(settings=(line for line in ["train.epochs=2"])).config.train.epochs == 2


def test_a_file_takes_the_place_of_a_recipe(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(config.dumps(replace(ks.build_recipe("blink"), seed=7)))
    assert choose(file=file).config.seed == 7
    with pytest.raises(ConfigError, match="--config and --recipe exclude each other"):
        choose(file=file, recipe="swift")


@pytest.mark.parametrize(
    ("asked", "typed"),
    [
        ({"model": "resnet-18"}, "model 'resnet-18'"),
        ({"settings": ["model.dropout=0.5"]}, "model.dropout"),
    ],
)
def test_a_network_beside_pretrained_weights_is_refused(asked, typed):
    with pytest.raises(ConfigError) as caught:
        choose("photos", recipe="transfer", **asked)
    assert str(caught.value) == (
        f"{typed} does not go with transfer.backbone=lite0, which brings its own network and "
        "weights; leave one of them out, or train from random weights with the recipe photos"
    )


def test_a_network_goes_with_the_recipe_once_its_weights_are_left_out():
    chosen = choose(recipe="transfer", model="resnet-18", settings=['transfer.backbone=""']).config
    assert chosen.model.name == "resnet"


def test_the_command_refuses_a_network_beside_pretrained_weights(capsys):
    assert main(["train", "digits", "--recipe", "transfer", "--model", "resnet-18"]) == 1
    assert "model 'resnet-18' does not go with transfer.backbone=lite0" in capsys.readouterr().err


def test_a_dataset_of_picture_files_gets_the_recipe_of_its_path(photos):
    data = ks.open_dataset(photos)
    assert choose(data).config.recipe == choose(photos).config.recipe != "swift"
    assert choose(data.take(np.arange(len(data)))).config.recipe == "swift"  # it has no path


def test_a_dataset_of_picture_files_trains_as_its_path_does(photos, tmp_path):
    settings = (*FAST, "splits.validation=0.3", "preprocess.height=48", "preprocess.width=48")
    ours = ks.train(
        ks.open_dataset(photos), recipe="photos", settings=settings, out=tmp_path / "dataset"
    )
    theirs = ks.train(photos, recipe="photos", settings=settings, out=tmp_path / "path")
    assert ours.config == theirs.config
    assert ours.config.preprocess.height == 48
    assert ours.model_file.read_bytes() == theirs.model_file.read_bytes()


def test_a_dataset_in_memory_keeps_its_pixels(photos, tmp_path):
    data = ks.open_dataset(photos)
    taken = data.take(np.arange(len(data)))
    settings = (*FAST, "preprocess.height=48", "preprocess.width=48")
    run = ks.train(taken, recipe="photos", settings=settings, out=tmp_path / "run")
    assert run.ledger["fingerprint"] == taken.fingerprint


def test_a_dataset_whose_labels_are_not_those_of_its_path_is_refused(photos, tmp_path):
    data = ks.open_dataset(photos)
    with pytest.raises(DataError) as caught:
        ks.train(replace(data, labels=1 - data.labels), settings=FAST, out=tmp_path / "run")
    assert str(caught.value) == (
        f"{photos}: its files or their labels are not those of this Dataset; give the path "
        "instead of the Dataset, with the settings data.* that it was opened with"
    )
    assert not (tmp_path / "run").exists()


def test_looking_at_data_and_training_choose_alike(photos, tmp_path):
    size = ("preprocess.height=48", "preprocess.width=48")
    found = inspect_data(photos, recipe="photos", settings=iter(size), out=tmp_path / "look")
    again = inspect_data(
        ks.open_dataset(photos), recipe="photos", settings=size, out=tmp_path / "again"
    )
    assert np.array_equal(found.inspection.mean_image, again.inspection.mean_image)
    assert found.inspection.mean_image.shape[:2] == (48, 48)


def test_without_pretrained_weights_pictures_of_several_sizes_are_trained_from_random_ones(photos):
    suited = recipe_for(str(photos), weights=NONE)
    assert suited.recipe == "photos"
    assert "pip install" in suited.notes[-1]
