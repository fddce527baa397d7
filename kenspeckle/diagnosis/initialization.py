"""Whether the weights of a network start too large or too small.

The two failures of seed document 003 (Learn TensorFlow Now 6): outputs that grow from layer to
layer make a network that is sure of everything; outputs that shrink make one that learns nothing.
"""

from __future__ import annotations

import math
from itertools import pairwise

from kenspeckle.diagnosis.findings import Finding
from kenspeckle.explain.histograms import LayerHistograms

_SPAN = 10.0  # "within about an order of magnitude of one another", as the document puts it
_LOSS = 3.0  # times ln K: a network that knows nothing yet should not be far above it
_ADVICE = "set initialization.name=variance-scaling and initialization.head=xavier"


def diagnose_start(found: LayerHistograms, *, classes: int) -> Finding:
    """Judge the pre-activations and the loss of a network before its first step."""
    spread = {name: item.deviation for name, item in found.pre_activations.items()}
    names, levels = list(spread), list(spread.values())
    first, last = levels[0], levels[-1]
    steps = [b / a for a, b in pairwise(levels) if a > 0]
    chance = math.log(classes)
    numbers = (
        f"deviation of the pre-activations {first:.3g} in {names[0]}, {last:.3g} in "
        f"{names[-1]}; loss {found.loss:.4g} where guessing has {chance:.3g}"
    )
    if found.loss > _LOSS * chance or last > _SPAN * first:
        times = f" ({max(steps):.3g} times in one layer)" if steps else ""
        return Finding(
            name="the start is too large",
            evidence=f"the outputs grow from layer to layer{times}: {numbers}",
            advice=_ADVICE,
        )
    if last * _SPAN < first or last < 0.01:
        return Finding(
            name="the start is too small",
            evidence=f"the outputs shrink from layer to layer and nothing is learned: {numbers}",
            advice=_ADVICE,
        )
    return Finding(
        name="the start is right",
        evidence=f"all layers are within an order of magnitude: {numbers}",
        advice="nothing to change",
        is_fault=False,
    )
