"""The drawing of ideal pictures: verdicts beside names, and not more than fit a page."""

import numpy as np
from figure_checks import drawn, texts

from kenspeckle.explain.ideal_inputs import IdealInputs
from kenspeckle.explain.ideal_units import IdealUnits
from kenspeckle.explain.picture_descent import IdealInputsConfig
from kenspeckle.figures.ideal_inputs import ideal_inputs


def record(names, judged=None):
    return IdealInputs(
        config=IdealInputsConfig(),
        class_names=names,
        images=np.random.default_rng(0).integers(0, 90, (len(names), 8, 8, 1), dtype=np.uint8),
        own=np.full(len(names), 0.9, dtype=np.float32),
        judged=judged,
    )


def test_where_the_judge_disagrees_both_classes_are_named():
    found = record(("cat", "$dog$"), np.array([1, 1]))
    words = texts(drawn(found))
    assert "cat: $dog$?" in words and "$dog$" in words
    assert "recognises 1 of 2" in found.description


def test_several_rows_with_the_means_above():
    rows = {"L2 0.25": record(("a", "b")), "L1 0.05": record(("a", "b"))}
    words = texts(ideal_inputs(rows, np.zeros((2, 8, 8, 1))))
    assert [w for w in words if len(w) > 1] == ["mean of the class", "L2 0.25", "L1 0.05"]


def test_of_a_hundred_classes_thirty_are_drawn():
    assert "the first 30 of 100" in texts(drawn(record(tuple(map(str, range(100))))))


def test_units_have_their_numbers():
    found = IdealUnits(
        config=IdealInputsConfig(),
        layer="dense1",
        units=(4, 17),
        images=np.zeros((2, 8, 8, 3), dtype=np.uint8),
        reached=np.ones(2),
        strongest=None,
        compared=0,
    )
    assert {"unit 4", "unit 17"} <= set(texts(drawn(found)))
