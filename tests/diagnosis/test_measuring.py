"""What is measured of pictures and networks, against truths that are known by construction."""

import json

import numpy as np
import pytest
from conftest import SMALL, bars

import kenspeckle as ks
from kenspeckle.cli.main import main
from kenspeckle.diagnosis.learning_curve import LearningCurve
from kenspeckle.diagnosis.look_alikes import label_findings, look_alikes
from kenspeckle.diagnosis.shift import shift, two_sample_test

QUICK = (*SMALL, "optimizer.rate=0.01")


@pytest.fixture(scope="module")
def before(dataset):
    return ks.diagnose(dataset, recipe="swift", settings=QUICK)


def test_nothing_is_wrong_with_a_healthy_source(before):
    assert before.faults == ()


def test_the_shuffled_control_knows_nothing(before):
    control = before.facts.control
    assert control.real > 0.8 > 0.6 > control.shuffled


def test_one_batch_is_learned_by_heart(before):
    assert before.facts.memorised.is_learned


def test_a_finished_run_is_examined_without_a_word_to_its_folder(run, dataset):
    files = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    found = ks.diagnose(run, dataset=dataset)
    assert found.facts.outcome.balance.other_n == len(run_validation(run))
    assert files == {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}


def run_validation(run):
    return ks.load_predictions(run.predictions_file("validation"))


def test_shuffled_labels_are_named_before_training(dataset):
    labels = np.random.default_rng(0).permutation(dataset.labels)
    wrong = ks.memory_dataset(dataset.images[:], labels, class_names=dataset.class_names)
    found = ks.diagnose(wrong, recipe="swift", settings=QUICK)
    assert found.faults[0].name == "labels do not fit the pictures"


def test_a_training_that_broke_off_is_explained(tmp_path, dataset):
    settings = (*SMALL, "model.norm=none", "optimizer.name=sgd", "optimizer.rate=1e30")
    with pytest.raises(ks.KenspeckleError):
        ks.train(dataset, recipe="blink", settings=settings, out=tmp_path / "run")
    found = ks.diagnose(tmp_path / "run", dataset=dataset)
    assert found.faults[0].name == "not a number"
    assert "step" in found.faults[0].evidence


def test_a_run_that_is_not_finished_is_refused(tmp_path, dataset):
    (tmp_path / "config.toml").write_text('recipe = "blink"\n')
    with pytest.raises(ks.KenspeckleError, match="this run is not finished; go on with"):
        ks.diagnose(tmp_path, dataset=dataset)


def test_other_data_is_refused(run):
    with pytest.raises(ks.KenspeckleError, match="changed since this run began"):
        ks.diagnose(run, dataset=bars(seed=5))


def test_two_halves_of_one_source_are_not_told_apart():
    images = bars(400).images
    found = shift(images[:200], images[200:], between=("a", "b"))
    assert found.p > 0.01


def test_noise_on_one_side_is_told_apart():
    images = bars(400).images
    noise = np.random.default_rng(0).integers(0, 60, images[200:].shape)
    changed = np.minimum(255, images[200:] + noise).astype(np.uint8)
    found = shift(images[:200], changed, between=("a", "b"))
    assert found.p < 0.01 and found.accuracy > 0.9


def test_the_two_sample_test_raises_few_false_alarms():
    rng = np.random.default_rng(0)
    alarms = [
        two_sample_test(rng.normal(size=(60, 10)), rng.normal(size=(60, 10)), seed=number)[1] < 0.05
        for number in range(60)
    ]
    assert sum(alarms) <= 9


def test_a_power_law_is_found_again():
    counts = (100, 200, 400, 800)
    found = LearningCurve(pictures=counts, errors=tuple(2 * n**-0.5 for n in counts))
    assert found.exponent == pytest.approx(0.5)
    assert found.expected(1600) == pytest.approx(0.05)
    assert found.interval[0] == pytest.approx(0.5, abs=1e-6)


def test_the_command_prints_its_findings_as_json(capsys):
    settings = ["--set", "threads=1", "--set", "optimizer.rate=0.0000001"]
    code = main(["diagnose", "digits", "--json", "--recipe", "mlp", *settings])
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert {"name", "evidence", "why", "advice"} == set(document["findings"][0])
    assert document["findings"][0]["name"] == "rate too low"


def test_a_start_that_overflows_ends_in_one_line(tmp_path, dataset):
    start = ("model.norm=none", "initialization.name=normal", "initialization.scale=1e30")
    with pytest.raises(ks.KenspeckleError, match="not finite"):
        ks.train(dataset, recipe="blink", settings=(*SMALL, *start), out=tmp_path / "run")
    found = ks.diagnose(tmp_path / "run", dataset=dataset)
    assert found.faults[0].name == "not a number"
    assert "start is too large" in found.faults[0].why


@pytest.mark.parametrize(("count", "is_told"), [(400, False), (1600, True)])
def test_labels_are_called_noise_only_where_there_are_enough_pictures_to_compare(count, is_told):
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 256, (4, 14, 14, 1))
    kinds = rng.integers(0, 4, count)
    images = np.clip(centres[kinds] + rng.integers(-20, 20, (count, 14, 14, 1)), 0, 255)
    data = ks.memory_dataset(
        images.astype(np.uint8), rng.integers(0, 4, count), class_names=("a", "b", "c", "d")
    )
    half = count - 100
    found = look_alikes(data.take(np.arange(half)), data.take(np.arange(half, count)))
    assert bool(label_findings(found)) == is_told
