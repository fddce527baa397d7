"""The drawing of fingerprints: names are text, and many classes stay on a page."""

import numpy as np
from figure_checks import drawn, texts

from kenspeckle.data.dataset import memory_dataset
from kenspeckle.explain.fingerprints import fingerprints
from kenspeckle.models.families import build_model
from kenspeckle.models.mlp import MlpConfig


def look(names):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * len(names), 8, 8, 1), dtype=np.uint8)
    data = memory_dataset(images, np.arange(len(images)) % len(names), class_names=names)
    network = build_model(MlpConfig(hidden=(9,)), shape=(1, 8, 8), outputs=len(names))
    return fingerprints(network, data)


def test_class_names_are_not_read_as_formulas():
    found = look(("$\\frac{$", "a\nb", "\u8c93", "plain"))
    assert {"$\\frac{$", "a b", "\N{WHITE SQUARE}", "plain"} <= set(texts(drawn(found)))


def test_of_a_hundred_classes_the_least_separable_are_drawn():
    found = look(tuple(f"c{number}" for number in range(100)))
    words = texts(drawn(found))
    assert "the 12 of 100 classes that are least apart" in words
    first, second = found.closest
    assert f"c{first}" in words and f"c{second}" in words
