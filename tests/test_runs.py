"""A run from data to figures, through the public door."""

import json

import numpy as np
import pytest
from conftest import SMALL, bars
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kenspeckle as ks
from kenspeckle import runlog
from kenspeckle.errors import ConfigError, DataError, NonFiniteError
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.events import EpochRecord, stops_early


def test_a_run_folder_holds_what_the_design_promises(run):
    names = {path.name for path in run.path.iterdir()}
    assert names >= {
        "config.toml",
        "environment.json",
        "data.json",
        "epochs.jsonl",
        "checkpoints",
        "model.safetensors",
        "predictions-validation.npz",
        "result.json",
        "tensorboard",
    }


def test_a_run_learns_what_is_easy(run):
    assert run.result["validation"]["accuracy"] > 0.9


def test_the_result_says_what_each_number_is(run):
    found = run.result["validation"]
    assert (found["split"], found["role"], found["n"]) == ("validation", "chosen on", 17)
    assert found["interval"]["low"] < found["accuracy"] <= found["interval"]["high"]


def test_the_result_is_that_of_the_saved_predictions(run):
    made = ks.load_predictions(run.predictions_file("validation"))
    assert ks.measure(made).accuracy == run.result["validation"]["accuracy"]


def test_every_item_is_in_exactly_one_state(run, dataset):
    ledger = run.ledger
    states = ledger["states"]
    assert len(states) == len(dataset)
    for letter, name in ledger["state_letters"].items():
        counted = sum(ledger["counts"].get(name, {}).values())
        assert states.count(letter) == counted
    assert ledger["classes"] == {"flat": 0, "upright": 1, "slanted": 2}


def test_the_environment_names_what_the_bits_depend_on(run, dataset):
    found = run.environment
    assert found["data"] == dataset.fingerprint
    assert (found["threads"], found["precision"], found["device"]) == (1, "fp32", "cpu")
    assert "torch" in found["versions"]


def test_the_configuration_of_a_run_repeats_it_bit_for_bit(run, dataset, tmp_path):
    from kenspeckle.runs import training

    for event in training(run.config, out=tmp_path / "again", dataset=dataset):
        last = event
    assert (last.run.path / "model.safetensors").read_bytes() == run.model_file.read_bytes()
    assert last.run.result == run.result


def test_another_seed_gives_other_weights(run, dataset, tmp_path):
    other = ks.train(dataset, settings=SMALL, seed=1, out=tmp_path / "other")
    assert other.model_file.read_bytes() != run.model_file.read_bytes()


def test_the_model_file_gives_the_predictions_of_the_run(run, dataset):
    from kenspeckle.inference import probabilities

    model = ks.load(run.model_file)
    made = ks.load_predictions(run.predictions_file("validation"))
    chosen = np.frombuffer(run.ledger["states"].encode(), "S1") == b"v"
    assert np.array_equal(probabilities(model, dataset.images[chosen]), made.probabilities)


def test_tensorboard_reads_train_and_validation_side_by_side(run):
    found = {}
    for name in ("train", "validation"):
        events = EventAccumulator(str(run.path / "tensorboard" / name))
        events.Reload()
        found[name] = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    assert set(found["train"]) == {"loss", "loss per step", "accuracy", "rate"}
    assert set(found["validation"]) == {"loss", "accuracy"}
    steps = [point.step for point in found["validation"]["accuracy"]]
    assert steps == [epoch["step"] for epoch in run.epochs]
    assert len(found["train"]["loss per step"]) == run.epochs[-1]["step"]


def test_a_run_is_a_row_of_the_leaderboard(run):
    row = runlog.find(run.path.parent, run.path.name)
    assert (row.status, row.recipe, row.source, row.epochs) == ("finished", "swift", "bars", 3)
    assert row.validation_accuracy == run.result["validation"]["accuracy"]


def test_a_run_that_explodes_says_why_and_leaves_no_checkpoint_of_it(dataset, tmp_path):
    settings = (*SMALL, "optimizer.name=sgd", "optimizer.rate=1e30", "train.checkpoint_seconds=0")
    with pytest.raises(NonFiniteError, match="is not finite"):
        ks.train(dataset, settings=settings, out=tmp_path / "run")
    assert not list((tmp_path / "run").glob("checkpoints/*"))
    assert runlog.find(tmp_path, "run").status == "failed"


def test_the_model_is_the_best_epoch_on_validation(dataset, tmp_path):
    run = ks.train(dataset, settings=(*SMALL, "train.epochs=6"), out=tmp_path / "run")
    accuracies = [epoch["validation_accuracy"] for epoch in run.epochs]
    assert run.result["validation"]["accuracy"] == max(accuracies)


def test_early_stopping_ends_a_run_that_no_longer_improves(dataset, tmp_path):
    settings = (*SMALL, "train.epochs=40", "train.patience=2")
    run = ks.train(dataset, settings=settings, out=tmp_path / "run")
    assert 3 <= len(run.epochs) < 40
    assert run.is_finished


def record(accuracy):
    zero = Interval(low=0.0, high=1.0)
    return EpochRecord(
        epoch=1, step=1, loss=0.0, accuracy=0.0, validation_loss=0.0, validation_n=10,
        validation_accuracy=accuracy, validation_interval=zero, rate=0.0, seconds=0.0,
        images_per_second=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("course", "patience", "min_delta", "stops"),
    [
        ([0.5, 0.6, 0.6, 0.6], 2, 0.0, True),
        ([0.5, 0.6, 0.6, 0.61], 2, 0.0, False),
        ([0.5, 0.6, 0.605, 0.608], 2, 0.01, True),
        ([0.5, 0.505, 0.512], 2, 0.01, False),
        ([0.9, 0.1, 0.1, 0.1], 0, 0.0, False),
        ([], 1, 0.0, False),
    ],
)
def test_patience_counts_epochs_without_a_gain(course, patience, min_delta, stops):
    assert stops_early([record(value) for value in course], patience, min_delta) is stops


def test_numbers_in_the_folder_are_strict_json(run):
    for line in (run.path / "epochs.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_training_in_bf16_is_refused_where_the_hardware_lacks_it(dataset, tmp_path):
    from kenspeckle import device

    if device.choose().precision == "bf16":
        pytest.skip("this machine has bf16")
    with pytest.raises(ks.KenspeckleError, match="precision bf16 is not available here"):
        ks.train(dataset, settings=(*SMALL[2:], "precision=bf16"), out=tmp_path / "run")


def test_an_unknown_recipe_offers_the_nearest(dataset, tmp_path):
    with pytest.raises(ConfigError, match="unknown recipe 'swfit'; did you mean 'swift'"):
        ks.train(dataset, recipe="swfit", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_small_pictures_are_enlarged_and_said(tmp_path):
    from kenspeckle.runs import training

    settings = ks.build_recipe("blink")
    data = bars(120, size=8)
    first = next(training(settings, out=tmp_path / "run", dataset=data))
    assert "pictures of 8 x 8 are scaled to 28 x 28 (preprocess.least)" in first.notes
    assert first.run.config.preprocess.height == 28


def test_one_class_alone_is_refused_before_a_folder_is_made(tmp_path):
    one = ks.memory_dataset(
        np.zeros((30, 28, 28, 1), np.uint8), np.zeros(30, np.int64), class_names=("cat",)
    )
    with pytest.raises(DataError, match="pictures of one class, 'cat'; a classifier needs two"):
        ks.train(one, settings=SMALL, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
