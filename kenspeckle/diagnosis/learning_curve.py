"""How the error falls with the number of pictures: a power law, and what more would bring.

Trainings on nested parts; the law a * n ** -b (Hestness et al. 2017) is fitted to the logarithms,
its interval comes from the residuals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from kenspeckle.diagnosis.findings import Finding

SHARES = (0.1, 0.18, 0.32, 0.56, 1.0)  # of the training pictures
_WORTH = 0.2  # of the error that twice the pictures should take away
_LEAST_ERROR = 0.03  # below which more pictures are worth little


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Validation error after training on so many pictures."""

    pictures: tuple[int, ...]
    errors: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """How fast the error falls: 0.5 halves it with four times the pictures."""
        return -self._fit()[0]

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the exponent, by Student's t of the residuals."""
        slope, _, error = self._fit()
        wide = float(t.ppf(0.975, max(1, len(self.pictures) - 2))) * error
        return -slope - wide, -slope + wide

    def expected(self, pictures: int) -> float:
        """The error that the law foresees."""
        slope, offset, _ = self._fit()
        return math.exp(offset + slope * math.log(pictures))

    def _fit(self) -> tuple[float, float, float]:
        x = np.log(np.array(self.pictures, dtype=np.float64))
        y = np.log(np.maximum(np.array(self.errors), 1e-4))
        slope, offset = np.polyfit(x, y, 1)
        rest = y - slope * x - offset
        freedom = max(1, len(x) - 2)
        error = math.sqrt(float((rest**2).sum()) / freedom / float(((x - x.mean()) ** 2).sum()))
        return float(slope), float(offset), error


def parts_of(count: int, shares: Sequence[float] = SHARES) -> list[int]:
    """How many pictures each part has, ascending and different."""
    return sorted({max(10, round(count * share)) for share in shares if count * share >= 10})


def curve_findings(found: LearningCurve) -> list[Finding]:
    """Too little data, where twice as much would take away a good part of the error."""
    count, error = found.pictures[-1], found.errors[-1]
    twice = found.expected(2 * count)
    low, high = found.interval
    numbers = (
        f"error {error:.1%} with {count:,} training pictures falls as n^-{found.exponent:.2f} "
        f"(95 % {low:.2f} to {high:.2f}); {2 * count:,} would have about {twice:.1%}"
    )
    is_fault = error > _LEAST_ERROR and low > 0 and twice < (1 - _WORTH) * found.expected(count)
    return [
        Finding(
            name="too little data" if is_fault else "the learning curve",
            evidence=numbers,
            why="more pictures would still help"
            if is_fault
            else "more pictures would bring little",
            advice=f"label about {count:,} more pictures" if is_fault else "nothing to change",
            is_fault=is_fault,
        )
    ]
