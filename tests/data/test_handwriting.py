"""Handwriting that nobody prepared: pages from a seed, of writers that the halves do not share."""

import itertools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kenspeckle.data.preprocess import prepare
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.data.sources.handwriting import DISTORTIONS, HALVES, SOURCES, page, pages
from kenspeckle.data.sources.strokes import FORMS, SIDE, draw, writer
from kenspeckle.errors import DataError


@pytest.fixture(scope="module")
def halves():
    """One page of each distortion of each source, of both halves."""
    return {half: list(pages(half, each=1)) for half in HALVES}


def test_a_page_is_a_function_of_seed_and_index(halves):
    for index in (0, 1, 40, 77):
        once, again = page(index), page(index)
        assert np.array_equal(once.picture, again.picture)
        other = page(index, seed=1)
        assert once.picture.shape != other.picture.shape or (once.picture != other.picture).any()
    assert np.array_equal(halves["held-out"][3].picture, page(7).picture)


@pytest.mark.parametrize("half", HALVES)
def test_every_distortion_of_every_source_is_there(halves, half):
    found = {(page.source, page.distortion) for page in halves[half]}
    assert found == set(itertools.product(SOURCES, DISTORTIONS))
    assert {page.half for page in halves[half]} == {half}


def test_a_page_is_a_picture_that_can_be_written(halves):
    for item in (*halves["tuning"], *halves["held-out"]):
        deep = item.distortion == "16 bit"
        assert item.picture.dtype == (np.uint16 if deep else np.uint8)
        assert item.picture.ndim == 2 or item.picture.shape[2:] == (3,)
        assert Image.fromarray(item.picture).size == item.picture.shape[1::-1]
        assert np.ptp(item.picture) > 15
        assert (item.jpeg > 0) == (item.distortion in ("jpeg", "photographed"))


@pytest.mark.parametrize("source", ["strokes", "digits"])
def test_the_halves_share_no_writer_and_no_picture(source):
    writers = {
        half: {
            page(2 * number + parity).writer
            for number in range(list(SOURCES).index(source) + 3, 130, len(SOURCES))
        }
        for parity, half in enumerate(HALVES)
    }
    assert min(map(len, writers.values())) > 20
    assert not writers["tuning"] & writers["held-out"]


def test_writers_of_the_8_by_8_digits_keep_to_one_half(halves):
    """They are in the order of their 13 writers, about 138 each; the seventh is left out."""
    numbers = {
        half: [item.writer for item in halves[half] if item.source == "digits"] for half in HALVES
    }
    assert max(numbers["tuning"]) < 830
    assert min(numbers["held-out"]) >= 967


def test_sizes_are_those_that_the_names_promise(halves):
    sides = {
        name: [max(p.picture.shape) for p in halves["tuning"] if p.distortion == name]
        for name in ("tiny", "huge")
    }
    assert max(sides["tiny"]) < 100
    assert min(sides["huge"]) > 800


@pytest.mark.slow
def test_all_ten_digits_occur_in_every_source():
    for start, source in enumerate(SOURCES):
        labels = [page(2 * number).label for number in range(start + 3, 300, len(SOURCES))]
        assert set(labels) == set(range(10)), source


@pytest.mark.parametrize("source", ["strokes", "digits", "printed"])
def test_labels_are_those_of_the_digits_that_are_drawn(source):
    """The zeros are rings and the ones are not, as their holes tell."""
    config = PreprocessConfig(kind="ink", height=28, width=28)
    holes = {0: [], 1: []}
    step = len(SOURCES) * len(DISTORTIONS)  # from one plain page of a source to the next
    for number in range(list(SOURCES).index(source), 60 * step, step):
        item = page(2 * number)
        assert (item.source, item.distortion) == (source, "plain")
        if item.label in holes:
            seen = prepare(item.picture[..., np.newaxis], config, channels=1)[0, ..., 0]
            holes[item.label].append(ndimage.label(np.pad(seen, 1) < 100)[1] - 1)
    assert np.mean(holes[0]) > 0.8
    assert np.mean(holes[1]) < 0.2


@pytest.mark.parametrize("digit", FORMS)
def test_every_form_fits_into_its_square(digit):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn = draw(digit, writer(rng), pen=0.19, rng=rng)
        assert drawn.shape == (SIDE, SIDE)
        assert drawn.max() == 1
        assert max(edge.max() for edge in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])) == 0


def test_an_unknown_half_is_refused():
    with pytest.raises(DataError) as caught:
        next(pages("heldout"))
    assert str(caught.value) == (
        "unknown half 'heldout'; did you mean 'held-out'? (known: held-out, tuning)"
    )


def test_a_negative_index_is_refused():
    with pytest.raises(DataError) as caught:
        page(-1)
    assert str(caught.value) == "the index of a page must be at least 0, got -1"
