"""The drawing of a history, of one step too."""

import pytest
import torch
from figure_checks import drawn, smallest_letters, texts

from kenspeckle.explain.histogram_history import HistogramHistory
from kenspeckle.explain.histograms import histogram


@pytest.mark.parametrize("steps", [(0,), (0, 5), tuple(range(60))])
def test_any_number_of_steps_is_drawn(steps):
    found = HistogramHistory(
        kind="gradients",
        layer="_blocks.0.$x$",
        steps=steps,
        histograms=tuple(histogram(torch.randn(90) * (step + 1)) for step in steps),
    )
    words = texts(drawn(found))
    assert "gradients of _blocks.0.$x$" in words
    assert {"98%", "80%", "50%", "median"} <= set(words)
    assert smallest_letters(found.figure()) >= 8
