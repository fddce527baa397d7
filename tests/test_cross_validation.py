"""Few pictures, random weights: each is told by a network that has not seen it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import SMALL, bars, noise

import kenspeckle as ks
from kenspeckle import config
from kenspeckle.cli.main import main
from kenspeckle.data.splits import draw, folds_of, members_of
from kenspeckle.errors import ConfigError, DataError
from kenspeckle.events import EpochRecord, FoldDone, Started
from kenspeckle.run_folder import FOLDS
from kenspeckle.runs import resuming, training
from kenspeckle.training import Epoch

AUTO = (*SMALL, "splits.folds=-1", "train.checkpoint_seconds=0")


def asked(*settings, recipe="swift"):
    return config.override(ks.build_recipe(recipe), [*AUTO, *settings])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The events and the run of a training on 240 pictures."""
    out = tmp_path_factory.mktemp("runs") / "run"
    events = list(training(asked(), out=out, dataset=bars()))
    return events, events[-1].run


def test_few_pictures_are_all_told_by_folds(finished):
    events, run = finished
    assert run.config.splits.folds == 5
    found = run.result["validation"]
    assert (found["role"], found["n"]) == ("by folds", 204)  # 240 but for the 36 of the test split
    assert run.ledger["states"].count("e") == 36
    with np.load(run.predictions_file("validation")) as file:
        assert len(file["labels"]) == 204
    assert events[-1].best.validation_accuracy == found["accuracy"]
    assert events[-1].best.validation_n == 204


def test_the_cost_is_said_before_the_first_step(finished):
    (started, *_), _ = finished
    assert isinstance(started, Started)
    assert any("validated by 5 folds: each of 204 pictures" in note for note in started.notes)
    assert any(
        note.startswith("that is 6 trainings, ") and "splits.folds=0 does one" in note
        for note in started.notes
    )


def test_progress_is_that_of_the_whole_job(finished):
    events, _ = finished
    passes = [event for event in events if isinstance(event, Epoch)]
    steps = [event.step for event in passes]
    assert steps == sorted(set(steps))
    assert passes[-1].step == passes[-1].total_steps == events[-1].step
    assert passes[0].total_steps == pytest.approx(passes[-1].total_steps, rel=0.1)


def test_each_fold_is_told_and_recorded(finished):
    events, run = finished
    done = [event for event in events if isinstance(event, FoldDone)]
    assert [event.number for event in done] == [1, 2, 3, 4, 5]
    assert sum(event.best.validation_n for event in done) == 204
    lines = [json.loads(line) for line in (run.path / FOLDS).read_text().splitlines()]
    assert [line["fold"] for line in lines] == [number for number in range(1, 6) for _ in range(3)]
    assert [line["fold"] for line in run.epochs] == [0] * len(run.epochs)


def test_the_kept_network_learns_as_many_epochs_as_the_folds_were_best_with(finished):
    events, run = finished
    best = [event.best.epoch for event in events if isinstance(event, FoldDone)]
    assert len(run.epochs) == round(np.median(best))


def test_the_figure_is_of_no_epoch_that_was_chosen_for_a_fold(tmp_path):
    run = ks.train(noise(), settings=(*AUTO, "train.epochs=12"), out=tmp_path / "run")
    lines = [json.loads(line) for line in (run.path / FOLDS).read_text().splitlines()]
    best = {}
    for line in lines:
        right = line["validation_accuracy"] * line["validation_n"]
        best[line["fold"]] = max(best.get(line["fold"], 0), right)
    found = run.result["validation"]
    assert found["accuracy"] < sum(best.values()) / found["n"]


def test_what_cannot_be_learned_is_not_told_better_than_by_guessing(tmp_path):
    settings = (*AUTO, "train.epochs=30", "train.keep=last", "optimizer.rate=0.02")
    settings = (*settings, "train.label_smoothing=0", "augment.rotation=0", "augment.shift=0")
    settings = (*settings, "augment.zoom=0", "augment.shear=0", 'model.gather="flatten"')
    run = ks.train(noise(), settings=settings, out=tmp_path / "run")
    assert run.epochs[-1]["accuracy"] > 0.9  # by heart
    assert run.result["validation"]["interval"]["low"] < 1 / 3


def test_more_pictures_are_told_by_a_split(tmp_path):
    first = next(training(asked(), out=tmp_path / "run", dataset=bars(640)))
    assert (first.config.splits.folds, first.validation_n) == (0, 45)


def test_an_official_validation_split_is_used(tmp_path):
    data = replace(bars(), official_validation=np.arange(240) % 4 == 0)
    first = next(training(asked(), out=tmp_path / "run", dataset=data))
    assert first.config.splits.folds == 0


@pytest.mark.parametrize("folds", [0, 3])
def test_the_number_of_folds_can_be_set(tmp_path, folds):
    run = ks.train(bars(90), settings=(*AUTO, f"splits.folds={folds}"), out=tmp_path / "run")
    assert run.config.splits.folds == folds
    found = run.result["validation"]
    assert found["role"] == ("by folds" if folds else "chosen on")


def test_groups_and_copies_are_never_on_both_sides_of_a_fold():
    data = bars(60)
    images = np.concatenate([data.images, data.images, data.images[:10]])
    labels = np.concatenate([data.labels, data.labels, data.labels[:10]])
    copies = ks.memory_dataset(images, labels, class_names=data.class_names)
    members = members_of(draw(copies, asked().splits))
    fold = folds_of(copies, members, 5)
    assert all(len(set(fold[members % 60 == number])) <= 1 for number in range(60))
    assert set(fold) == {0, 1, 2, 3, 4}
    sizes = [np.bincount(labels[members][fold == number], minlength=3) for number in range(5)]
    assert np.ptp(sizes, axis=0).max() <= 3  # every class in every fold
    apart = folds_of(data, members_of(draw(data, asked().splits)), 5)  # a control: no copies
    assert np.ptp(np.bincount(apart)) <= 1


def test_validation_is_not_measured_again_on_what_was_learned(finished):
    _, run = finished
    before = run.result
    with pytest.raises(DataError, match="the model has learned from its validation pictures"):
        ks.evaluate(run, bars(), split="validation")
    assert run.result == before


def outcome(path):
    """All that a run ends in, but for durations."""
    run = ks.open_run(path)
    records = [*run.epochs, *map(json.loads, (run.path / FOLDS).read_text().splitlines())]
    for record in records:
        record.pop("seconds"), record.pop("images_per_second")
    with np.load(run.predictions_file("validation")) as file:
        told = file["probabilities"].tobytes()
    return run.model_file.read_bytes(), run.result, told, records


@pytest.mark.parametrize("at", [0, 1, 2, 3, 9, 14, 15])
def test_a_run_that_was_stopped_anywhere_ends_in_the_same_bits(finished, tmp_path, at):
    seen = []
    events = training(asked(), out=tmp_path / "run", dataset=bars(), stop=lambda: len(seen) > at)
    for last in events:
        seen += [last] if isinstance(last, EpochRecord) else []
    assert last.state == "interrupted"
    rest = list(resuming(tmp_path / "run", dataset=bars()))
    begun = sum(isinstance(event, EpochRecord) for event in rest)
    assert begun + len(seen) == 15 + len(finished[1].epochs)  # nothing was done twice
    assert outcome(tmp_path / "run") == outcome(finished[1].path)


def test_a_run_that_lost_its_newest_checkpoints_ends_in_the_same_bits(finished, tmp_path):
    seen = []
    settings = asked("train.keep_checkpoints=100")
    events = training(settings, out=tmp_path / "run", dataset=bars(), stop=lambda: len(seen) > 7)
    for last in events:
        seen += [last] if isinstance(last, EpochRecord) else []
    saved = sorted((tmp_path / "run" / "checkpoints").iterdir())
    for path in saved[3:]:  # back into the first fold
        (path / "network.safetensors").write_bytes(b"")
    list(resuming(tmp_path / "run", dataset=bars()))
    _, result, told, records = outcome(tmp_path / "run")
    assert (result, told, records) == outcome(finished[1].path)[1:]
    weights = [ks.load(run.model_file).network.state_dict() for run in (last.run, finished[1])]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_network_that_tells_a_number_is_validated_by_folds(tmp_path):
    data = replace(bars(90), class_names=("1", "2", "3"))
    settings = (*AUTO, "train.loss=absolute", "train.label_smoothing=0.0")
    run = ks.train(data, settings=settings, out=tmp_path / "run")
    with np.load(run.predictions_file("validation")) as file:
        errors = file["values"] - (1.0 + file["labels"])
    assert ks.load(run.model_file).temperature == pytest.approx(np.mean(errors**2), rel=1e-5)


def test_folds_and_a_start_of_unknown_schooling_exclude_each_other():
    with pytest.raises(ConfigError, match=r"splits\.folds need weights that have seen none"):
        asked("splits.folds=5", "start=runs/first")


def test_the_command_shows_a_line_for_each_fold(tmp_path, capsys):
    settings = [part for line in (*AUTO, "train.epochs=1") for part in ("--set", line)]
    data = bars(90)
    np.savez(tmp_path / "bars.npz", images=data.images, labels=data.labels)
    assert main(["train", str(tmp_path / "bars.npz"), *settings, "--out", str(tmp_path / "r")]) == 0
    text = capsys.readouterr().out
    assert [f"fold {number} of 5: " in text for number in range(1, 6)] == [True] * 5
    assert "by folds; " in text
