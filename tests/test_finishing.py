"""What a finished run leaves: a temperature that all use alike, and figures with intervals."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.briefing.gather import gather
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.evaluation.temperature import scaled
from kenspeckle.inference import probabilities
from kenspeckle.run_examination import examine_run
from kenspeckle.run_folder import RESULT

HARD = (
    *SMALL,
    "train.epochs=12",
    "splits.validation=0.4",
    "splits.test=0.1",
    "train.keep=last",
    "train.label_smoothing=0.5",
)


def confusing(count=600):
    """Pictures of which a third has the label of another class: no network can be sure."""
    data = bars(count)
    rng = np.random.default_rng(5)
    labels = np.where(rng.random(count) < 1 / 3, rng.integers(0, 3, count), data.labels)
    return ks.memory_dataset(data.images, labels, class_names=data.class_names, source="confusing")


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    out = tmp_path_factory.mktemp("doubtful") / "run"
    return ks.train(confusing(), settings=HARD, out=out)


def test_the_temperature_is_fitted_on_validation_and_lies_in_the_model_file(doubtful):
    told = doubtful.result["validation"]["temperature"]
    assert told["value"] != 1.0 and told["reason"] == ""
    assert told["n"] == doubtful.result["validation"]["n"] and told["split"] == "validation"
    assert told["log_loss_after"] < told["log_loss_before"]
    assert ks.load(doubtful.model_file).temperature == told["value"]


def test_training_evaluation_and_prediction_use_the_same_temperature(doubtful):
    data, classifier = confusing(), ks.load(doubtful.model_file)
    left = ks.load_predictions(doubtful.predictions_file("validation"))
    before = (doubtful.path / RESULT).read_bytes()
    ks.evaluate(doubtful, data, split="validation")
    measured = ks.load_predictions(doubtful.predictions_file("validation"))
    (doubtful.path / RESULT).write_bytes(before)
    assert (left.probabilities == measured.probabilities).all()
    said = probabilities(classifier, data.images)
    assert {row.tobytes() for row in left.probabilities} <= {row.tobytes() for row in said}
    cold = scaled(left, 1 / classifier.temperature)  # the control: without it they are others
    assert abs(cold.probabilities - left.probabilities).max() > 0.01
    assert (cold.predicted == left.predicted).all()


def test_too_few_pictures_leave_the_temperature_at_one_and_say_so(run):
    told = run.result["validation"]["temperature"]
    assert (told["value"], told["n"]) == (1.0, 17)
    assert told["reason"] == "17 pictures are too few (at least 100)"
    assert ks.load(run.model_file).temperature == 1.0


def test_a_model_that_tells_a_number_keeps_the_spread_of_its_errors(tmp_path):
    data = bars(240)
    numbered = ks.memory_dataset(data.images, data.labels, class_names=("1", "2", "3"))
    run = ks.train(
        numbered,
        settings=(*SMALL, "train.loss=squared", "train.label_smoothing=0"),
        out=tmp_path / "run",
    )
    assert run.result["validation"]["temperature"] is None
    assert ks.load(run.model_file).temperature != 1.0


def test_a_diagnosis_is_of_the_network_without_its_temperature(doubtful):
    told = doubtful.result["validation"]
    found = examine_run(doubtful, dataset=confusing()).outcome
    assert found.validation_loss == pytest.approx(told["temperature"]["log_loss_before"], rel=1e-4)
    # what it is compared with was measured without one too; the control: that of the result
    assert found.validation_loss == pytest.approx(found.validation_losses[-1], rel=1e-4)
    assert found.validation_loss != pytest.approx(told["nll"], rel=1e-2)


def test_epochs_page_card_and_result_tell_the_interval_that_knows_of_groups(tmp_path):
    data = bars(240)
    grouped = replace(data, groups=np.arange(240) // 6)
    run = ks.train(grouped, settings=(*SMALL, "train.epochs=1"), out=tmp_path / "run")
    told = run.result["validation"]
    want = told["metrics"]["accuracy"]["interval"]
    assert told["interval"] == want
    assert run.epochs[-1]["validation_interval"] == want
    assert ks.load(run.model_file).card["validation"]["interval"] == list(want.values())
    shown = gather(run, grouped).figures["validation"].measurement
    assert asdict(shown.interval) == want
    plain = measure(ks.load_predictions(run.predictions_file("validation"))).interval
    assert asdict(plain) != want  # the control: that of pictures which are not alike


def test_figures_of_validation_carry_their_interval_n_and_method(doubtful):
    figures = doubtful.result["validation"]["metrics"]
    assert {"accuracy", "log_loss", "brier", "auroc", "ece", "macro_f1"} <= figures.keys()
    for figure in figures.values():
        assert figure["interval"]["low"] <= figure["value"] <= figure["interval"]["high"]
        assert figure["n"] == 216 and figure["method"]
