"""Prediction in Python: what may be given, and what comes back."""

import numpy as np
import pytest
from PIL import Image

import kenspeckle as ks
from kenspeckle.errors import DataError


@pytest.fixture(scope="module")
def model(run):
    return ks.load(run.model_file)


def saved(path, *, size=(28, 28)):
    Image.fromarray(np.tile(np.arange(size[1], dtype=np.uint8), (size[0], 1))).save(path)
    return path


@pytest.mark.parametrize(
    "kind", [str, lambda path: path, lambda path: [path], lambda path: (path,)]
)
def test_one_picture_may_be_given_by_itself_or_among_others(model, tmp_path, kind):
    path = saved(tmp_path / "x.png")
    (found,) = ks.predict(model, kind(path))
    assert (found.path, found.error) == (str(path), "")
    assert found.label in model.class_names


def test_one_name_that_matches_nothing_is_named_whole(model):
    with pytest.raises(DataError, match=r"^no-such\.png: no such picture, and no folder or glob"):
        ks.predict(model, "no-such.png")


@pytest.mark.parametrize(
    ("size", "kept"), [((600, 300), (128, 64)), ((40, 30), (40, 30)), ((1, 2000), (1, 128))]
)
def test_a_prediction_keeps_a_small_picture(model, tmp_path, size, kept):
    (found,) = ks.predict(model, saved(tmp_path / "x.png", size=size))
    assert found.picture.shape[:2] == kept
