"""Every experiment, cut short: it runs, is written down, and says what it could not do."""

import json
import math
from importlib.util import find_spec

import pytest
from cifar_files import binary_files, save_archive

from kenspeckle.data.sources.fashion_mnist import local_folder
from kenspeckle.errors import ConfigError, RunError
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.experiments import transfer
from kenspeckle.experiments.catalog import EXPERIMENTS, find_experiment, reproduce
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity, over_seeds
from kenspeckle.experiments.plan import Plan
from kenspeckle.experiments.record import write_record
from kenspeckle.recipes.choice import WEIGHTS

WANTS_CIFAR = ("vgg-cifar", "mean-image", "bias-variance")


# of each kind one in the usual suite: a network, a start, dots, a look inside, no network
QUICK = ("softmax", "init-right", "counting-5", "fingerprints", "optimizers")
ALL = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS
]


@pytest.mark.parametrize("name", ALL)
def test_an_experiment_runs(tmp_path, name):
    if name in WANTS_CIFAR and local_folder() is None:
        pytest.skip("neither CIFAR-10 nor Fashion-MNIST is on this machine")
    plan = Plan(out=tmp_path / "runs", quick=True, settings=("threads=1",))
    found = reproduce(name, plan)
    document = write_record(tmp_path / "record", found)
    (entry,) = document["experiments"]
    if name == "transfer" and not (transfer.STAMPS.is_dir() and find_spec(WEIGHTS)):
        assert entry["skipped"].startswith("needs ")
        return
    assert not found.skipped
    assert entry["quantities"] and entry["story"]
    assert all(row["met"] is None for row in entry["quantities"])  # a quick run proves nothing
    for picture in entry["pictures"]:
        assert (tmp_path / "record" / "pictures" / picture["file"]).read_bytes()[:4] == b"\x89PNG"
        assert picture["about"]


def test_what_is_absent_is_skipped_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("kenspeckle.experiments.vgg.local_folder", lambda: None)
    found = reproduce("vgg-cifar", Plan(out=tmp_path, quick=True))
    assert found.outcome is None
    assert found.skipped.startswith("needs a CIFAR-10 archive (--data PATH)")


@pytest.mark.slow
def test_a_cifar_archive_is_used_where_one_is_given(tmp_path):
    archive = tmp_path / "cifar-10-binary.tar.gz"
    save_archive(archive, binary_files(10))
    plan = Plan(out=tmp_path / "runs", quick=True, data=str(archive), settings=("threads=1",))
    found = reproduce("mean-image", plan)
    assert found.outcome.notes[0] == f"{archive}: 120 pictures"


def test_an_unknown_experiment_offers_the_nearest():
    with pytest.raises(ConfigError, match="unknown experiment 'softmx'; did you mean 'softmax'"):
        find_experiment("softmx")


def quantity(*values, **settings):
    return Quantity(name="accuracy", values=values, **settings)


def test_a_quantity_is_met_within_its_bounds():
    assert quantity(0.9, 0.92, least=0.9).met is True
    assert quantity(0.9, 0.92, least=0.92).met is False
    assert quantity(0.9, 0.92, least=0.9, most=0.905).met is False
    assert quantity(0.9).met is None


def test_the_interval_over_seeds_is_students():
    found = over_seeds([0.9, 0.92, 0.94])
    reach = 4.302653 * 0.02 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.92 - reach, 0.92 + reach), rel=1e-5)
    assert over_seeds([0.9]) is None
    assert over_seeds([0.99, 1.0, 1.0], highest=1.0).high == 1.0


def written(folder, name, **settings):
    from kenspeckle.experiments.catalog import Reproduction

    row = quantity(0.5, 0.6, n=10, interval=Interval(low=0.4, high=0.7), least=0.9)
    outcome = Outcome(
        quantities=(row, quantity(float("nan"), unit="steps")),
        story=settings.get("story", "A story."),
        pictures=(Picture(title="t", about="what it shows", png=b"\x89PNG"),),
        seeds=2,
    )
    return write_record(
        folder,
        Reproduction(
            name=name, experiment=EXPERIMENTS[name], outcome=outcome, seconds=1.0, quick=False
        ),
    )


def test_a_record_grows_by_one_experiment_after_the_other(tmp_path):
    written(tmp_path, "mlp-300")
    written(tmp_path, "softmax", story="First.")
    document = written(tmp_path, "softmax", story="Second.")
    assert [item["name"] for item in document["experiments"]] == ["softmax", "mlp-300"]
    assert document["experiments"][0]["story"] == "Second."
    assert json.loads((tmp_path / "reproduction.json").read_text()) == document


def test_the_page_needs_nothing_else_and_trusts_no_text(tmp_path):
    written(tmp_path, "softmax", story="<script>alert(1)</script>")
    page = (tmp_path / "reproduction.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'alt="what it shows"' in page
    assert "≥ 90.00%: not met" in page
    assert "not reached" in page


def test_the_text_has_the_same_numbers(tmp_path):
    written(tmp_path, "softmax")
    text = (tmp_path / "reproduction.md").read_text()
    assert "55.00% (sd 7.07) (40.00 to 70.00, n=10) | ≥ 90.00%: not met | 2 |" in text


def test_the_text_says_over_how_many_seeds_an_experiment_went(tmp_path):
    written(tmp_path, "softmax")
    assert "\n*2 seeds*\n" in (tmp_path / "reproduction.md").read_text()


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "..", "a\0b"])
def test_a_record_that_names_pictures_elsewhere_is_refused(tmp_path, name):
    document = written(tmp_path / "record", "softmax")
    (tmp_path / "record" / "secret.png").write_bytes(b"the user's")
    document["experiments"][0]["pictures"][0]["file"] = name
    (tmp_path / "record" / "reproduction.json").write_text(json.dumps(document))
    with pytest.raises(RunError, match="names no experiment, or files elsewhere"):
        written(tmp_path / "record", "mlp-300")


def test_a_picture_of_a_record_that_is_a_link_is_not_put_into_its_page(tmp_path):
    document = written(tmp_path / "record", "softmax")
    (tmp_path / "secret").write_bytes(b"the user's")
    picture = tmp_path / "record/pictures" / document["experiments"][0]["pictures"][0]["file"]
    picture.unlink()
    picture.symlink_to(tmp_path / "secret")
    with pytest.raises(RunError, match=f"{picture}: cannot be read: it is a link"):
        written(tmp_path / "record", "mlp-300")


def test_a_folder_of_another_kind_is_not_overwritten(tmp_path):
    (tmp_path / "reproduction.json").write_text("[1, 2]")
    with pytest.raises(RunError, match="not a record of experiments; choose another --out"):
        written(tmp_path, "softmax")
