"""The bars of units: one row for each layer, two bars where a kind can saturate."""

import numpy as np
import pytest

from kenspeckle.explain.activation_kinds import KINDS, SOFTMAX
from kenspeckle.explain.units import LayerUnits, UnitStates
from kenspeckle.figures import style


def states(count, *, layer="$a_b$"):
    def row(name, kind):
        dead = np.arange(10) < 3
        return LayerUnits(
            layer=name, kind=kind, is_dead=dead, is_saturated=~dead, flat=0.7, silent=0.0
        )

    rows = [row(f"{layer}{number}", KINDS["ReLU"]) for number in range(count)]
    return UnitStates(n=7, layers=(*rows, row("output", SOFTMAX)))


@pytest.mark.parametrize("count", [0, 2, 100])
def test_a_row_for_each_layer_in_both_themes(count):
    figure = states(count).figure()
    (axes,) = figure.axes
    assert len(axes.get_yticklabels()) == count + 1
    for theme in ("light", "dark"):
        assert style.png(figure, theme=theme).startswith(b"\x89PNG")


def test_what_cannot_saturate_has_one_bar_and_each_bar_its_numbers():
    (axes,) = states(1, layer="<b>").figure().axes
    assert [text.get_text() for text in axes.texts] == ["3 of 10", "3 of 10", "7 of 10"]
    assert axes.get_yticklabels()[0].get_text() == "<b>0\nrelu"
