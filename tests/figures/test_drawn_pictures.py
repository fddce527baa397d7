"""Drawings with pictures and points: names stay text, many classes stay on a page."""

import numpy as np
from figure_checks import drawn, smallest_letters, texts

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.explain.embedding import embedding
from kenspeckle.explain.means import mean_pictures
from kenspeckle.explain.neighbours import nearest_pictures
from kenspeckle.figures.style import png
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig


def data(names, size=8, channels=1):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3 * len(names), size, size, channels), dtype=np.uint8)
    return memory_dataset(images, np.arange(len(images)) % len(names), class_names=names)


def network(found):
    _, height, width, channels = found.images.shape
    return build_model(
        MlpConfig(hidden=(6,)),
        shape=(channels, height, width),
        outputs=len(found.class_names),
    )


MANY = tuple(f"class {number}" for number in range(100))


def test_an_embedding_names_its_classes():
    some = data(("$x$", "dog", "a very long name of a class"))
    found = embedding(network(some), some)
    assert {"$x$", "dog", "a very long…"} <= set(texts(drawn(found)))
    assert smallest_letters(found.figure()) >= 8


def test_an_embedding_of_many_classes_colours_thirty():
    many = data(MANY)
    words = " ".join(texts(drawn(embedding(network(many), many))))
    assert "the 30 largest of 100 classes in colour" in words


def test_names_on_boxes_change_with_the_theme():
    some = data(("a", "b"))
    figure = embedding(network(some), some).figure()
    boxes = [text.get_bbox_patch() for text in figure.axes[0].texts]
    before = [box.get_facecolor() for box in boxes]
    assert png(figure, theme="dark") != png(figure)
    assert [box.get_facecolor() for box in boxes] == before


def test_neighbours_have_their_classes_and_distances():
    some = data(("$x$", "dog"))
    found = nearest_pictures(network(some), some, some.images[:2], 3)
    words = texts(drawn(found))
    assert "0.000" in words
    assert words.count("$x$") + words.count("dog") == 8


def test_of_many_pictures_eight_rows_are_drawn():
    many = data(MANY)
    words = texts(drawn(nearest_pictures(network(many), many, many.images[:20], 20)))
    assert "the first 8 of 20" in words


def test_means_of_many_classes_say_what_is_left_out():
    assert "the first 30 of 100" in texts(drawn(mean_pictures(data(MANY, channels=3))))
    words = texts(drawn(mean_pictures(data(("cat", "dog")))))
    assert {"mean", "2 deviations", "cat", "dog", "all 6"} <= set(words)
