"""Drawings of filters and maps: one panel each, in both themes."""

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure

from kenspeckle.explain.activation_maps import ActivationMaps
from kenspeckle.explain.filters import Filters
from kenspeckle.figures import style

HOSTILE = ("$a_b$", "<b>", "\\frac{1}", "a\nb", "猫", "x" * 99, "")


def filters(count, channels=1, *, names=None):
    draws = np.random.default_rng(0).normal(size=(count, 5, 5, channels)).astype(np.float32)
    return Filters(
        layer="first",
        kind="dense" if names else "convolution",
        weights=draws,
        unit_names=names or tuple(map(str, range(count))),
        answers=names is not None,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [2, 10, 100])
def test_a_panel_for_each_filter_up_to_a_bound(count, channels):
    figure = filters(count, channels).figure()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == min(count, 64)
    for theme in ("light", "dark"):
        assert style.png(figure, theme=theme).startswith(b"\x89PNG")


def test_the_description_says_how_many_of_how_many_are_shown():
    assert "the 64 strongest of 100 filters of 5 x 5" in filters(100).description
    assert "Layer first, 10 filters of 5 x 5" in filters(10).description


def test_names_of_classes_are_drawn_as_they_are():
    names = HOSTILE
    figure = filters(len(names), names=names).figure()
    style.png(figure)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["$a_b$", "<b>"]
    assert titles[3:5] == ["a b", "\N{WHITE SQUARE}"]
    assert len(titles[5]) == 14


def test_the_strongest_map_is_first_and_numbered():
    maps = np.zeros((2, 3, 4, 4), dtype=np.float32)
    maps[:, 1], maps[:, 2] = 5, 2
    found = ActivationMaps(layer="a", images=np.zeros((2, 8, 8, 1), dtype=np.uint8), maps=maps)
    titles = [axes.get_title() for axes in found.figure().axes]
    assert titles == ["picture", "1", "2", "0"] * 2
    assert found.description.startswith("3 maps of 4 x 4; 2 of them answer somewhere to these 2")


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("channels", [1, 3, 500])
def test_many_pictures_and_many_maps_are_bounded(count, channels):
    draws = np.random.default_rng(0)
    found = ActivationMaps(
        layer="a",
        images=draws.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8),
        maps=draws.normal(size=(count, channels, 2, 3)).astype(np.float32),
    )
    assert len(found.figure().axes) <= 12 * 13
    assert "red is above zero" in found.description
    assert "red is above" not in dataclasses.replace(found, maps=np.abs(found.maps)).description
