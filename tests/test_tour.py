"""`ks.look`: records of a run, each of which draws itself."""

import numpy as np
import pytest
from conftest import SMALL
from PIL import Image

import kenspeckle as ks
from kenspeckle.errors import ConfigError, DataError, RunError
from kenspeckle.figures.drawable import Drawable
from kenspeckle.look_kinds import KINDS
from kenspeckle.looking import looks, write_look

TOUR = {name for name, kind in KINDS.items() if kind.tour != "never"}


@pytest.fixture(scope="module")
def tour(run, dataset):
    left_out = []
    found = list(looks(run, dataset=dataset, left_out=left_out.append))
    return found, left_out


def test_a_tour_shows_every_kind_that_suits_and_says_what_does_not(tour):
    found, left_out = tour
    assert {item.kind for item in found} | {line.partition(":")[0] for line in left_out} == TOUR
    assert left_out == []


def test_every_record_says_what_it_shows_and_draws_itself(tour):
    for item in tour[0]:
        assert isinstance(item.record, Drawable)
        assert item.record.title and item.record.description.endswith(".")
        assert item.record._repr_png_().startswith(b"\x89PNG")


def test_a_look_is_written_as_png_and_svg_under_its_own_name(tour, tmp_path):
    names = [item.name for item in tour[0]]
    assert len(set(names)) == len(names)
    png, svg = write_look(tour[0][0], tmp_path / "new")
    assert png.read_bytes().startswith(b"\x89PNG") and b"<svg" in svg.read_bytes()


def test_one_kind_may_be_asked_for(run, dataset):
    (record,) = ks.look(run, what="means", dataset=dataset)
    assert record.mean.shape == (28, 28, 1)


def test_a_layer_may_be_named(run, dataset):
    (record,) = ks.look(run, what="activations", layer="block2", dataset=dataset)
    assert record.layer == "block2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": "filter"}, "unknown kind of look 'filter'; did you mean 'filters'?"),
        ({"what": "activations", "layer": "head"}, "layer 'head' gives 3 numbers for a picture"),
        ({"what": "fingerprints", "layer": "block9"}, "unknown layer 'block9'"),
    ],
)
def test_what_is_not_there_is_refused_by_name(run, dataset, arguments, message):
    with pytest.raises(ConfigError) as caught:
        ks.look(run, dataset=dataset, **arguments)
    assert str(caught.value).startswith(message)


def test_pictures_of_the_user_are_explained_under_their_own_names(run, dataset, tmp_path):
    for name, index in (("first.png", 0), ("second.png", 1)):
        Image.fromarray(dataset.images[index, ..., 0]).save(tmp_path / name)
    (record,) = ks.look(run, what="saliency", images=tmp_path, dataset=dataset)
    assert record.methods[0].images.shape == (2, 28, 28, 1)
    np.testing.assert_array_equal(record.methods[0].images, dataset.images[:2])


def test_pictures_for_a_kind_that_is_not_about_single_ones_are_refused(run, dataset, tmp_path):
    with pytest.raises(ConfigError, match="means is not about single pictures; leave them out"):
        ks.look(run, what="means", images=tmp_path, dataset=dataset)


def test_a_picture_that_is_none_is_an_error_with_its_name(run, dataset, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="broken"):
        ks.look(run, what="saliency", images=tmp_path / "broken.png", dataset=dataset)


def test_a_run_without_its_source_shows_what_needs_no_pictures(run, monkeypatch, tmp_path):
    left_out = []
    with pytest.raises(DataError):
        ks.look(run, what="means")
    kinds = {item.kind for item in looks(run, left_out=left_out.append)}
    assert kinds == {"filters", "history", "ideal-inputs"}
    assert all("bars" in line for line in left_out)


def test_an_unfinished_run_is_refused(tmp_path, run):
    with pytest.raises(RunError, match="no run here"):
        ks.look(tmp_path)


def test_a_dense_network_has_a_tour_without_maps(tmp_path, dataset):
    dense = ["threads=1", "precision=fp32", "train.epochs=1", "train.batch_size=20", *SMALL[-1:]]
    trained = ks.train(dataset, recipe="mlp", settings=dense, out=tmp_path / "dense")
    left_out = []
    kinds = {item.kind for item in looks(trained, dataset=dataset, left_out=left_out.append)}
    assert {"filters", "fingerprints", "saliency", "ideal-inputs"} <= kinds
    assert [line.partition(":")[0] for line in left_out] == ["activations"]


def test_of_a_layer_with_few_units_all_have_an_ideal_picture(run, dataset):
    (record,) = ks.look(run, what="ideal-units", layer="head", dataset=dataset)
    assert record.units == (0, 1, 2)
