"""The risk-coverage curve, of few and of faultless answers too."""

import sys
from pathlib import Path

import numpy as np
import pytest
from figure_checks import drawn, smallest_letters

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
from test_metrics import of, told

from kenspeckle.evaluation.abstention import risk_coverage

LABELS = np.arange(60) % 3
CASES = {
    "usual": told(3000),
    "five": told(5),
    "faultless": of(np.eye(3)[LABELS] * 0.7 + 0.1, LABELS),
    "all wrong": of(np.eye(3)[(LABELS + 1) % 3] * 0.7 + 0.1, LABELS),
}


@pytest.mark.parametrize("name", CASES)
def test_every_curve_is_drawn(name):
    found = risk_coverage(CASES[name])
    assert smallest_letters(drawn(found)) >= 8
    assert f"n={found.at(0.5).accuracy.n:,}" in found.description
