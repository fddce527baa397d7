"""Drawings of saliency and of its checks: panels, names as they are, both themes."""

import numpy as np
import pytest

from kenspeckle.explain.pixel_curves import PixelCurves
from kenspeckle.explain.saliency import Saliency, SaliencyComparison
from kenspeckle.explain.saliency_checks import SanityCheck
from kenspeckle.figures import style
from kenspeckle.figures.saliency import coarse

HOSTILE = ("$a_b$", "<b>", "\\frac{1}", "猫", "x" * 99, "a\nb")


def record(count, *, classes=2, channels=1, method="gradient", names=None, side=20):
    draws = np.random.default_rng(0)
    signed = method != "gradient"
    maps = draws.normal(size=(count, side, side)).astype(np.float32)
    shares = draws.random((count, classes)).astype(np.float32)
    return Saliency(
        method=method,
        about="it matters",
        signed=signed,
        images=draws.integers(0, 256, (count, side, side, channels), dtype=np.uint8),
        maps=maps if signed else np.abs(maps),
        targets=np.arange(count) % classes,
        probabilities=shares / shares.sum(axis=1, keepdims=True),
        class_names=names or tuple(f"class {number}" for number in range(classes)),
        gaps=np.full(count, 0.1) if method == "integrated-gradients" else None,
    )


def drawn(figure):
    for theme in ("light", "dark"):
        assert style.png(figure, theme=theme).startswith(b"\x89PNG")
    return figure


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 3])
def test_two_panels_for_each_picture(count, channels, classes):
    found = record(count, classes=classes, channels=channels)
    figure = drawn(found.figure())
    assert len(figure.axes) == 2 * count
    share = f"{found.target_probabilities[0]:.0%}".replace("%", " %")
    assert figure.axes[0].get_title() == f"class 0\n{share}"
    assert figure.axes[1].get_title() == "gradient\n"


def test_names_of_classes_are_drawn_as_they_are():
    found = record(6, classes=6, names=HOSTILE)
    titles = [axes.get_title().split("\n")[0] for axes in drawn(found.figure()).axes[::2]]
    assert titles[:4] == ["$a_b$", "<b>", "\\frac{1}", "\N{WHITE SQUARE}"]
    assert titles[4:] == ["x" * 12 + "…", "a b"]
    many = SaliencyComparison(methods=(found, found))
    drawn(many.figure())


@pytest.mark.parametrize("count", [1, 4, 40])
def test_a_column_for_each_method_and_a_row_for_each_picture(count):
    methods = ("gradient", "gradient-x-input", "integrated-gradients", "grad-cam", "occlusion")
    found = SaliencyComparison(methods=tuple(record(count, method=name) for name in methods))
    figure = drawn(found.figure())
    assert len(figure.axes) == 6 * min(count, 12)
    assert "Grad\n" not in [axes.get_title() for axes in figure.axes]
    assert "within 10.0% of it; more steps would lessen that" in found.description
    assert "By gradient, gradient x input, integrated gradients, Grad-CAM and occlusion: " in (
        found.description
    )


def test_large_maps_are_drawn_as_means_and_small_ones_as_they_are():
    small = np.random.default_rng(0).normal(size=(28, 28))
    assert np.array_equal(coarse(small), small)
    large = np.random.default_rng(0).normal(size=(225, 230))
    found = coarse(large)
    assert found.shape == (225, 230)
    assert found[5, 9] == pytest.approx(large[4:8, 8:12].mean())
    assert "Drawn are means of 4 x 4 pixels." in record(1, side=224).description


def test_a_map_of_nothing_is_drawn():
    found = record(1)
    found.maps[:] = 0
    drawn(found.figure())


@pytest.mark.parametrize("methods", [1, 6])
def test_curves_have_two_panels_and_a_dashed_control(methods):
    curves = np.random.default_rng(0).random((methods, 4, 11))
    found = PixelCurves(
        methods=tuple(f"method-{number}" for number in range(methods)),
        shares=np.linspace(0, 1, 11),
        deletion=curves,
        insertion=curves,
        random_deletion=curves[0],
        random_insertion=curves[0],
    )
    figure = drawn(found.figure())
    assert len(figure.axes) == 2
    assert all(len(axes.get_lines()) == methods + 1 for axes in figure.axes)
    assert figure.axes[0].get_lines()[-1].get_linestyle() == "--"
    assert "better than random on 0 of 4" in found.description


@pytest.mark.parametrize("count", [1, 5])
def test_a_check_has_a_row_for_each_stage(count):
    original = record(count, names=HOSTILE, classes=6)
    found = SanityCheck(
        original=original,
        layers=("head", "a.very.long.name.of.a.layer.in.a.library", "$first$"),
        maps=np.stack([original.maps] * 3),
        correlations=np.array([[0.5] * count, [-0.1] * count, [0.0] * count]),
    )
    figure = drawn(found.figure())
    assert len(figure.axes) == 5 * (min(count, 3) + 1)
    assert figure.axes[0].get_title() == "$a_b$"
