"""Two or more configurations over the same seeds: differences, tests, verdicts.

A verdict is about seeds: other seeds of the same training, told by the same pictures. What holds
for other pictures too is a second, wider interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, nct, t

from kenspeckle.evaluation.accuracy import Interval

Verdict = Literal["better", "worse", "not distinguishable"]
LEAST = 3  # seeds, below which nothing is claimed
ALPHA = 0.05
POWER = 0.8  # chance of seeing a difference, for which seeds are planned
MANY = 1000  # seeds, beyond which nobody plans
_EXACT = 16  # seeds, up to which all changes of sign are tried
_DRAWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Items:
    """One seed of each of two configurations on the same pictures (McNemar 1947, exact)."""

    gained: int  # pictures that the second alone is right about
    lost: int  # those that the first alone is right about
    p_value: float  # two-sided, of 50:50 among these


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How much better the second of two configurations is than the first, seed by seed."""

    first: tuple[float, ...]  # accuracy for each seed
    second: tuple[float, ...]
    n: int  # pictures that each accuracy is of
    critical: float  # what |t| had to exceed; NaN below `LEAST` seeds
    planned: int = 0  # seeds, where they could end earlier; 0 = their number was fixed
    items: tuple[Items, ...]  # for each seed
    generalised: Interval | None  # for other seeds and other pictures; None below `LEAST` seeds

    @property
    def seeds(self) -> int:
        """How many there are of each configuration."""
        return len(self.first)

    @property
    def differences(self) -> NDArray[np.float64]:
        """Second minus first (seeds,), as shares."""
        found: NDArray[np.float64] = np.subtract(self.second, self.first)
        return found

    @property
    def difference(self) -> float:
        """Mean over the seeds."""
        return float(self.differences.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; not below half a picture, which none can show."""
        own = float(self.differences.std(ddof=1)) if self.seeds > 1 else math.nan
        return max(own, 0.5 / self.n)

    @property
    def interval(self) -> Interval | None:
        """Of the mean over all seeds; None below `LEAST` seeds."""
        if self.seeds < LEAST:
            return None
        reach = self.critical * self.deviation / math.sqrt(self.seeds)
        return Interval(
            low=max(-1.0, self.difference - reach), high=min(1.0, self.difference + reach)
        )

    @property
    def verdict(self) -> Verdict:
        """Of the second over the first, by whether the interval contains zero."""
        interval = self.interval
        if interval is None or interval.low <= 0 <= interval.high:
            return "not distinguishable"
        return "better" if interval.low > 0 else "worse"

    @property
    def t_value(self) -> float:
        """The paired t statistic; 0 for a single seed."""
        if self.seeds < 2:
            return 0.0
        return self.difference / (self.deviation / math.sqrt(self.seeds))

    @property
    def p_value(self) -> float:
        """Two-sided, of the paired t test at a fixed number of seeds."""
        return float(2 * t.sf(abs(self.t_value), max(1, self.seeds - 1)))

    @property
    def permutation(self) -> float:
        """Two-sided p over all ways in which the two could have changed places (Fisher 1935)."""
        return sign_flips(self.differences)

    @property
    def item_p_value(self) -> float:
        """Twice the median of the p values of the seeds.

        Valid however they depend on each other, as they do on the same pictures (Rueschendorf
        1982; Vovk and Wang 2020).
        """
        return min(1.0, 2 * float(np.median([found.p_value for found in self.items])))

    @property
    def visible(self) -> float:
        """The smallest difference that as many seeds see with a chance of 80 %."""
        return visible(self.seeds, self.deviation)

    @property
    def needed(self) -> int:
        """Seeds that see the measured difference with a chance of 80 %; at most `MANY`."""
        return seeds_needed(abs(self.difference), self.deviation)


def compare_correctness(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    *,
    critical: float | None = None,
    planned: int = 0,
) -> Comparison:
    """What is right, (seeds, N) each, for the same seeds and pictures.

    `critical` is what |t| must exceed where not the number of seeds, but a rule says when to stop.
    """
    seeds, count = first.shape
    if critical is None:
        critical = float(t.isf(ALPHA / 2, seeds - 1)) if seeds >= LEAST else math.nan
    found = Comparison(
        first=tuple(first.mean(axis=1).tolist()),
        second=tuple(second.mean(axis=1).tolist()),
        n=count,
        critical=critical,
        planned=planned,
        items=tuple(mcnemar(one, other) for one, other in zip(first, second, strict=True)),
        generalised=None,
    )
    own = found.interval
    if own is None or count < 2:
        return found
    wide = crossed_interval(first, second)
    # of more degrees of freedom it may come out narrower, and then knows less than it says
    wide = Interval(low=min(own.low, wide.low), high=max(own.high, wide.high))
    return replace(found, generalised=wide)


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Items:
    """The exact test of two models on the same pictures, (N,) each."""
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    p_value = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return Items(gained=gained, lost=lost, p_value=p_value)


def sign_flips(differences: NDArray[np.float64]) -> float:
    """How often the mean is as far from zero if signs are drawn; exact up to 16 differences."""
    count = len(differences)
    if count <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=count)))
    else:
        draws = np.random.default_rng(0).integers(0, 2, (_DRAWS, count))
        signs = np.concatenate([np.ones((1, count)), 2.0 * draws - 1])
    means = np.abs(signs @ differences)
    # sums of the same numbers in another order differ in their last bits
    return float((means >= abs(differences.sum()) * (1 - 1e-9)).mean())


def crossed_interval(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Interval:
    """95 % for the mean difference over other seeds and other pictures, (seeds, N) each.

    Seeds and pictures are both drawn at random and crossed, as readers and cases in radiology
    (Obuchowski and Rockette 1995); degrees of freedom after Satterthwaite 1946.
    """
    table = second.astype(np.float64) - first
    seeds, count = table.shape
    mean = table.mean()
    of_seeds, of_items = table.mean(axis=1) - mean, table.mean(axis=0) - mean
    rest = table - mean - of_seeds[:, None] - of_items[None, :]
    by_seeds = count * float((of_seeds**2).sum()) / (seeds - 1)
    by_items = seeds * float((of_items**2).sum()) / (count - 1)
    both = float((rest**2).sum()) / ((seeds - 1) * (count - 1))
    # never less than one of its parts, although an estimate of a variance may be negative
    total = max(by_seeds + by_items - both, by_seeds, by_items)
    if not total:
        return Interval(low=float(mean), high=float(mean))
    freedom = total**2 / (
        by_seeds**2 / (seeds - 1)
        + by_items**2 / (count - 1)
        + both**2 / ((seeds - 1) * (count - 1))
    )
    reach = float(t.isf(ALPHA / 2, freedom)) * math.sqrt(total / (seeds * count))
    return Interval(low=max(-1.0, float(mean) - reach), high=min(1.0, float(mean) + reach))


def power(seeds: int, difference: float, deviation: float) -> float:
    """The chance that a paired t test of so many seeds sees a `difference`."""
    limit, shift = t.isf(ALPHA / 2, seeds - 1), difference / deviation * math.sqrt(seeds)
    # far out scipy cannot compute the distribution: there the near tail is certain, the far one nil
    near = np.nan_to_num(nct.sf(limit, seeds - 1, shift), nan=1.0)
    return float(near + np.nan_to_num(nct.cdf(-limit, seeds - 1, shift), nan=0.0))


def seeds_needed(difference: float, deviation: float) -> int:
    """The fewest seeds with which `power` reaches 80 %; `MANY` where they are not enough."""
    low, high = LEAST, MANY
    while low < high:
        middle = (low + high) // 2
        if power(middle, difference, deviation) >= POWER:
            high = middle
        else:
            low = middle + 1
    return low


def visible(seeds: int, deviation: float) -> float:
    """The smallest difference that `seeds` see with a chance of 80 %; NaN below `LEAST`."""
    if seeds < LEAST or not deviation:
        return math.nan
    low, high = 0.0, 30 * deviation
    while high - low > 1e-3 * deviation:
        middle = (low + high) / 2
        low, high = (low, middle) if power(seeds, middle, deviation) >= POWER else (middle, high)
    return high


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values: below 0.05 with a chance of 5 % that any of them is wrong (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted, worst = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order.tolist()):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def alike(count: int, different: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """The largest groups of 0..`count`-1 without a pair that is `different` (Piepho 2004)."""
    apart = {frozenset(pair) for pair in different}
    groups: list[frozenset[int]] = [frozenset(range(count))]
    for pair in apart:
        split: set[frozenset[int]] = set()
        for group in groups:
            split |= {group - {member} for member in pair} if pair <= group else {group}
        groups = [group for group in split if not any(group < other for other in split)]
    return sorted(tuple(sorted(group)) for group in groups)
