"""The drawing of a loss surface, also where the loss is flat or infinite."""

import numpy as np
import pytest
from figure_checks import drawn, smallest_letters, texts

from kenspeckle.explain.loss_surface import LossSurface


@pytest.mark.parametrize("top", [0.1, 30.0, np.inf])
def test_heights_of_every_kind_are_drawn(top):
    losses = np.full((5, 5), 0.1)
    losses[0, 0] = top
    found = LossSurface(
        steps=np.linspace(-1, 1, 5),
        losses=losses,
        line_steps=np.linspace(-1, 1, 9),
        line_losses=np.full(9, 0.1),
        line_accuracies=np.full(9, 0.5),
        centre=0.1,
        running=0.1,
        pictures=20,
        norms=1,
        seed=0,
    )
    words = texts(drawn(found))
    assert {"loss", "accuracy", "second direction"} <= set(words)
    assert smallest_letters(found.figure()) >= 8
