"""The learning-rate range test: short trainings on copies, over several seeds.

It gives a range only where there is a valley that the seeds agree on (Smith 2017 looked at one
sweep, whose answer depends on its seed and its ends); the network itself is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.trials import Bench, attempt, steps_within

WIDE = tuple(10.0**power for power in range(-5, 6))  # of the configured rate
WINDOW = tuple(10.0 ** (power / 2) for power in range(-3, 4))  # around the best of them
FEW_FACTORS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
STEPS = 24
_NEAR = 0.15  # of the way from guessing to the best: what still counts as good
_LEAST_GAIN = 0.1  # of ln K, which the best rate must win
_DECADES = 1.01  # by which the best rates of two seeds may differ


@dataclass(frozen=True, kw_only=True)
class RateRange:
    """What each rate reached after as many steps, and what follows."""

    rate: float  # the configured one
    factors: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]  # of each seed, of each factor; infinite: broke off
    chance: float
    steps: int

    @property
    def mean(self) -> tuple[float, ...]:
        """Over the seeds."""
        return tuple(float(np.mean(column)) for column in zip(*self.losses, strict=True))

    @property
    def best(self) -> int:
        """The place of the factor with the least mean loss."""
        return int(np.argmin(self.mean))

    @property
    def refusal(self) -> str:
        """Why there is no range; "" where there is one."""
        mean = self.mean
        if not math.isfinite(mean[self.best]) or mean[self.best] > self.chance * (1 - _LEAST_GAIN):
            return f"no rate gets below a loss of {min(mean):.3g}; guessing has {self.chance:.3g}"
        if self.best in (0, len(mean) - 1):
            return f"the best rate is the {'lowest' if self.best == 0 else 'highest'} tried"
        bests = [math.log10(self.factors[int(np.argmin(row))]) for row in self.losses]
        if max(bests) - min(bests) > _DECADES:
            rates = ", ".join(f"{self.rate * 10**best:.2g}" for best in bests)
            return f"the seeds do not agree on the best rate ({rates})"
        return ""

    @property
    def interval(self) -> tuple[float, float] | None:
        """The lowest and highest rate that is about as good as the best; None if refused."""
        if self.refusal:
            return None
        good = self.near_best()
        low = high = self.best
        while low > 0 and good[low - 1]:
            low -= 1
        while high + 1 < len(good) and good[high + 1]:
            high += 1
        return self.rate * self.factors[low], self.rate * self.factors[high]

    def near_best(self) -> list[bool]:
        """For each factor, whether its loss is about as good as the best."""
        limit = self.mean[self.best] + _NEAR * (self.chance - self.mean[self.best])
        return [loss <= limit for loss in self.mean]

    @property
    def words(self) -> str:
        """The range, or why there is none."""
        about = f"{len(self.losses)} seeds, {self.steps} steps each on a copy"
        found = self.interval
        if found is None:
            return f"no range of rates: {self.refusal} ({about})"
        return f"rates of {found[0]:.2g} to {found[1]:.2g} learn best ({about})"


def rate_range(
    start: Callable[[int], Bench], *, seeds: int = 3, seconds: float = 20.0
) -> RateRange:
    """Find the right decade by one seed, then look around it by all; `start` makes that of a seed.

    The configured rate is always among those that are tried. Large networks get fewer steps, so
    that all takes about `seconds`.
    """
    benches = [start(seed) for seed in range(seeds)]
    trials = len(WIDE) + seeds * (len(WINDOW) + 1)
    steps = steps_within(benches[0], seconds, most=STEPS, trials=trials)
    wide = rates_tried(benches[:1], WIDE, steps=steps)
    around = {round(wide.factors[wide.best] * factor, 12) for factor in WINDOW}
    return rates_tried(benches, sorted({1.0, *around}), steps=steps)


def rates_tried(benches: Sequence[Bench], factors: Sequence[float], *, steps: int) -> RateRange:
    """What each of `factors` reaches from each start."""
    return RateRange(
        rate=benches[0].settings.optimizer.rate,
        factors=tuple(factors),
        losses=tuple(
            tuple(attempt(bench, steps=steps, factor=factor).last for factor in factors)
            for bench in benches
        ),
        chance=benches[0].chance,
        steps=steps,
    )


def rate_findings(found: RateRange) -> list[Finding]:
    """Whether the configured rate lies outside the range; nothing is said where it was refused."""
    interval = found.interval
    if interval is None:
        return []
    place = found.factors.index(1.0)
    if found.near_best()[place] or interval[0] <= found.rate <= interval[1]:
        return []
    is_high = found.rate > interval[1]
    return [
        Finding(
            name=f"rate too {'high' if is_high else 'low'}",
            evidence=f"after {found.steps} steps at {found.rate:.3g} the loss is "
            f"{found.mean[place]:.3g}, at {found.rate * found.factors[found.best]:.2g} it is "
            f"{found.mean[found.best]:.3g}; {found.words}",
            why="the steps overshoot" if is_high else "the steps are too small to get anywhere",
            advice=f"--set optimizer.rate={found.rate * found.factors[found.best]:.2g}",
        )
    ]
