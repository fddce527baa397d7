"""Can the network learn one batch by heart? What cannot is broken, whatever the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kenspeckle.data.batches import Batch
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.trials import Bench, attempt

PICTURES = 16
STEPS = 80
_LEARNED = 0.3  # of the loss of guessing, below which the batch counts as known


@dataclass(frozen=True, kw_only=True)
class Memorised:
    """The best that was reached on one batch."""

    loss: float
    chance: float
    pictures: int
    steps: int

    @property
    def is_learned(self) -> bool:
        """Whether it is known by heart."""
        return self.loss < _LEARNED * self.chance


def memorise(
    bench: Bench, *, factors: Sequence[float] = (1.0, 0.1, 10.0), seconds: float = 2.0
) -> Memorised:
    """Train a copy on a single batch, at each factor of the rate until one succeeds.

    That the configured rate fails is another finding's business.
    """
    first = next(bench.course.batches.epoch(0))
    only = Batch(first.images[:PICTURES], first.labels[:PICTURES])
    best = math.inf
    for factor in factors:
        trial = attempt(bench, steps=STEPS, factor=factor, only=only, seconds=seconds)
        best = min(best, trial.last)
        if best < _LEARNED * bench.chance:
            break
    return Memorised(loss=best, chance=bench.chance, pictures=len(only.labels), steps=STEPS)


def memorising_findings(found: Memorised) -> list[Finding]:
    """A fault where one batch cannot be learned."""
    if found.is_learned:
        return []
    return [
        Finding(
            name="cannot learn one batch",
            evidence=f"{found.steps} steps on the same {found.pictures} pictures leave a loss of "
            f"{found.loss:.3g}; guessing has {found.chance:.3g}",
            why="a network that works learns a handful of pictures by heart",
            advice="take a larger network, such as --recipe swift",
        )
    ]
