"""When to stop adding seeds: limits for a t statistic that is looked at after every pair.

Looking often and stopping at the first good moment finds differences where there are none. An
alpha-spending function (Lan and DeMets 1983) says how much of the risk may be used up by each look;
the limits that use up just that are found here on 400,000 simulated series of normal differences.
Because the t statistic does not depend on their unit, no variance needs to be known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

FIRST = 3  # pairs, before which nothing can be claimed
MOST = 20  # pairs, unless told otherwise
SPENT = 0.045  # accuracies are counts and not quite normal: on real runs 0.05 became 0.053
_SERIES, _BATCH = 400_000, 100_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What |t| must exceed after `FIRST`, `FIRST` + 1, ... `most` pairs."""

    most: int
    critical: tuple[float, ...]

    def at(self, pairs: int) -> float:
        """The limit after so many pairs."""
        return self.critical[pairs - FIRST]


def obrien_fleming(share: float, alpha: float) -> float:
    """Nearly nothing is spent early, so the last look is nearly as sharp as a single one."""
    return float(4 * norm.sf(norm.isf(alpha / 4) / np.sqrt(share)))


def in_proportion(share: float, alpha: float) -> float:
    """As much as the share of the seeds that are there (Kim and DeMets 1987, exponent 1)."""
    return alpha * share


def limits(
    most: int = MOST,
    *,
    alpha: float = SPENT,
    spending: Callable[[float, float], float] = in_proportion,
) -> Limits:
    """Limits that are exceeded somewhere in a share `alpha` of series without a difference."""
    if most < FIRST:
        raise ValueError(f"most must be at least {FIRST}, got {most}")
    return Limits(most=most, critical=_critical(most, alpha, spending))


@cache
def _critical(
    most: int, alpha: float, spending: Callable[[float, float], float]
) -> tuple[float, ...]:
    looks = most - FIRST + 1
    statistics = np.concatenate(
        [_statistics(_BATCH, most, seed) for seed in range(_SERIES // _BATCH)]
    )
    alive = np.ones(len(statistics), dtype=bool)
    found: list[float] = []
    for look in range(looks):
        spent = spending((look + FIRST) / most, alpha)
        wanted = round(spent * len(statistics)) - int((~alive).sum())
        here = statistics[:, look]
        if wanted < 20:  # too few of the series to tell; the tail of t is then on the safe side
            limit = float(t.isf(max(wanted, 1) / len(statistics) / 4, look + FIRST - 1))
        else:
            limit = float(np.partition(here[alive], -wanted)[-wanted])
        alive &= here < limit
        found.append(limit)
    return tuple(found)


def _statistics(series: int, most: int, seed: int) -> NDArray[np.float32]:
    """|t| of normal differences without a mean after each look, (series, looks)."""
    draws = np.random.default_rng([2026, seed]).standard_normal((series, most))
    count = np.arange(1, most + 1)
    mean = draws.cumsum(axis=1) / count
    squares = (draws**2).cumsum(axis=1) - count * mean**2
    rest = slice(FIRST - 1, None)
    spread = np.sqrt(squares[:, rest] / (count[rest] - 1))
    found: NDArray[np.float32] = np.abs(mean[:, rest] / spread * np.sqrt(count[rest])).astype(
        np.float32
    )
    return found
