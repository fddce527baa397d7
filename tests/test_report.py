"""`ks.report`: one file about a finished run, from the outside."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import SMALL, bars, noise

import kenspeckle as ks
from kenspeckle import look_kinds
from kenspeckle.briefing.gather import gather
from kenspeckle.cli.main import main
from kenspeckle.errors import RunError
from kenspeckle.runs import training
from kenspeckle.settings import RunConfig


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    """These tests are about the page: its ideal inputs may be far from ideal."""
    few = tuple(replace(penalty, steps=3) for penalty in look_kinds._PENALTIES)
    monkeypatch.setattr(look_kinds, "_PENALTIES", few)


@pytest.fixture
def copy(run, tmp_path):
    """The toy run, in a folder that may be written into."""
    return ks.open_run(shutil.copytree(run.path, tmp_path / "run"))


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
    return ks.train("digits", settings=SMALL, out=tmp_path_factory.mktemp("digits") / "run")


def files(run):
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_a_report_adds_one_file_and_changes_nothing_else(copy, dataset):
    before = files(copy)
    page = ks.report(copy, dataset=dataset)
    after = files(copy)
    assert page == copy.path / "report.html"
    assert {path: data for path, data in after.items() if path != page} == before
    assert page.stat().st_size < 3_000_000
    text = page.read_text()
    assert "validation pictures are told" in text and "The test split is untouched" in text


def test_a_report_is_about_the_test_split_once_the_user_has_opened_it(copy, dataset):
    ks.evaluate(copy, dataset)
    text = ks.report(copy, dataset=dataset).read_text()
    assert "test pictures are told" in text and "opened once, after all choices" in text
    ks.evaluate(copy, dataset)
    text = ks.report(copy, dataset=dataset).read_text()
    assert "The test split was opened 2 times" in text
    assert copy.result["test"]["openings"] == 2


def test_by_folds_the_page_names_the_epoch_that_the_model_is_of(tmp_path):
    settings = (*SMALL, "splits.folds=5", "train.epochs=12", "seed=1")
    data = noise(120)
    run = ks.train(data, settings=settings, out=tmp_path / "run")
    told = [line["validation_accuracy"] for line in run.epochs]
    assert max(told) > told[-1]  # the control: another epoch was told better
    assert gather(run, data).kept.epoch == len(told)


def test_a_run_on_named_data_shows_its_pictures_and_looks_inside(digits_run):
    text = ks.report(digits_run).read_text()
    titles = "Training pictures of each class", "Augmentation", "Fingerprints", "Ideal inputs"
    for title in titles:
        assert title in text
    assert text.count('class="sharp"') > 150


def test_the_command_says_what_it_wrote_and_the_page_what_is_missing(copy, capsys):
    assert main(["report", str(copy.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    page = copy.path / "report.html"
    assert found == {"run": str(copy.path), "page": str(page), "bytes": page.stat().st_size}
    text = page.read_text()
    assert "There are no pictures on this page: unknown source &#39;bars&#39;" in text
    assert 'class="sharp"' not in text


def test_pictures_that_have_changed_are_not_shown(copy):
    text = ks.report(copy, dataset=bars(seed=5)).read_text()
    assert "There are no pictures on this page: the data of bars changed since this run" in text


def test_pictures_shown_for_an_answer_are_those_that_it_is_about(copy, dataset):
    from kenspeckle.briefing.gather import gather
    from kenspeckle.data.splits import draw

    found = gather(copy, dataset)
    validation = draw(dataset, copy.config.splits).validation
    for item, tile in found.pictures.answers.items():
        assert np.array_equal(tile.image, dataset.images[validation[item]])
        assert tile.name == f"item {validation[item]}"


def test_folds_are_named_as_such(digits_run, tmp_path):
    settings = [
        "threads=1",
        "precision=fp32",
        f"transfer.backbone={digits_run.path / 'model.safetensors'}",
        "splits.folds=3",
        "transfer.fine_tune=off",
        "preprocess.channels=1",
    ]
    found = ks.train("digits", recipe="transfer", settings=settings, out=tmp_path / "run")
    text = ks.report(found).read_text()
    assert "This is validation by 3 folds" in text
    assert "validation (by folds)" in text
    assert "so there are no curves" in text


def test_a_model_that_tells_a_number_has_a_page(tmp_path):
    images, labels = bars(120).images, np.arange(120) % 3
    numbers = ks.memory_dataset(images, labels, class_names=("3", "4", "5"), source="numbers")
    settings = [*SMALL, 'train.loss="absolute"', "train.label_smoothing=0"]
    found = ks.train(numbers, settings=settings, out=tmp_path / "run")
    text = ks.report(found, dataset=numbers).read_text()
    assert "mean absolute error" in text and "Numbers told" in text


def test_an_unfinished_run_is_one_line(dataset, tmp_path):
    chosen = RunConfig(recipe="swift", source="bars", threads=1, precision="fp32")
    for _ in training(chosen, out=tmp_path / "run", dataset=dataset, stop=lambda: True):
        pass
    with pytest.raises(RunError, match=r"no finished run here \(missing result.json\)"):
        ks.report(tmp_path / "run")


def test_a_folder_with_hostile_names_is_trained_and_reported(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for number, name in enumerate(("<b>$x$", "{{ 7 * 7 }}", "\u202eא😀")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for item in range(16):
            pixels = rng.integers(0, 60, (28, 28, 3)) + [0, 60, 120][number]
            path = tmp_path / "data" / name / f"{item}<i>.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    found = ks.train(
        tmp_path / "data", recipe="swift", settings=SMALL, out=tmp_path / "run <i>$(x)"
    )
    text = ks.report(found).read_text()
    assert "<i>" not in text and "<b>$" not in text
    assert "&lt;b&gt;$x$" in text and "{{ 7 * 7 }}" in text and "\\xe2\\x80\\xaeא😀" in text
    assert "--config &#39;" in text
