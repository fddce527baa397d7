"""Does `ken compare` keep its word? False verdicts between equals, power between others.

Comparisons of a recipe with itself (disjoint seeds) are drawn from the pool of real runs that
`benchmarks/comparison_pool.py` trained, and simulated; none of them should end "better" or "worse"
more often than 5 %. Ways to decide when to stop are compared on the same simulated series.

    python benchmarks/comparison.py POOL.npz
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from comparison_pool import load
from scipy.stats import binomtest, t

from kenspeckle.evaluation.comparison import compare_correctness, power
from kenspeckle.evaluation.sequential import FIRST, in_proportion, limits, obrien_fleming

REAL, SIMULATED = 400, 10_000
MOST = 20
NONE = "not distinguishable"


@dataclass(frozen=True)
class Outcome:
    """What one way of comparing decided."""

    claims: int
    trials: int
    seeds: float  # mean number that was used

    def __str__(self) -> str:
        found = binomtest(self.claims, self.trials).proportion_ci(method="wilson")
        return (
            f"{self.claims / self.trials:.2%} ({found.low * 100:.2f} to {found.high * 100:.2f}, "
            f"n={self.trials:,})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pool", type=Path)
    pool = load(parser.parse_args().pool)
    print("pool: " + ", ".join(f"{name} {len(runs)} runs" for name, runs in pool.items()))
    equals_of_pool(pool)
    equals_simulated()
    stopping()
    differences(pool)


def equals_of_pool(pool: dict[str, np.ndarray]) -> None:
    """A/A comparisons of real runs: half of them from each data set."""
    print("\n| A/A, real runs | false verdicts | McNemar of one pair, p < 5 % | other pictures |")
    print("|---|---|---|---|")
    names = [name for name in pool if name.endswith("-2")]
    rule = limits(MOST)
    for seeds in (3, 5, 10, 0):
        rng = np.random.default_rng(seeds)
        claims = items = wide = trials = used = 0
        for name in names:
            for _ in range(REAL // len(names)):
                runs = rng.permutation(len(pool[name]))[: 2 * (seeds or MOST)]
                first, second = np.split(pool[name][runs], 2)
                found = stopped(first, second, rule.at) if not seeds else None
                found = found or compare_correctness(first, second)
                claims += found.verdict != NONE
                items += found.items[0].p_value < 0.05
                wide += not found.generalised.low <= 0 <= found.generalised.high
                used += found.seeds
                trials += 1
        label = f"{seeds} seeds" if seeds else f"auto, up to {MOST} (mean {used / trials:.1f})"
        cells = [Outcome(count, trials, 0) for count in (claims, items, wide)]
        print(f"| {label} | {cells[0]} | {cells[1]} | {cells[2]} |", flush=True)


def stopped(first: np.ndarray, second: np.ndarray, limit: Callable[[int], float]):
    """The comparison at the first look that claims something, or at the last."""
    differences = second.mean(axis=1) - first.mean(axis=1)
    for seeds in range(FIRST, len(first) + 1):
        spread = max(differences[:seeds].std(ddof=1), 0.5 / first.shape[1])
        is_last = seeds == len(first)
        if abs(differences[:seeds].mean()) / spread * seeds**0.5 > limit(seeds) or is_last:
            return compare_correctness(first[:seeds], second[:seeds], critical=limit(seeds))
    return None


def equals_simulated() -> None:
    """A/A comparisons of accuracies as they come: shares of n pictures, some with bad seeds."""
    print("\n| A/A, simulated | 3 seeds | 5 seeds | 10 seeds | auto, up to 20 |")
    print("|---|---|---|---|---|")
    rng, rule = np.random.default_rng(1), limits(MOST)
    critical = np.array([np.inf] * (FIRST - 1) + [rule.at(k) for k in range(FIRST, MOST + 1)])
    for label, draw in SITUATIONS.items():
        count, values = draw(rng)
        series = values[0] - values[1]
        cells = []
        statistics = t_values(series, count)
        for seeds in (3, 5, 10):
            false = np.abs(statistics[:, seeds - 1]) > t.isf(0.025, seeds - 1)
            cells.append(str(Outcome(int(false.sum()), SIMULATED, seeds)))
        false = (np.abs(statistics) > critical).any(axis=1)
        cells.append(str(Outcome(int(false.sum()), SIMULATED, 0)))
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


def _shares(count: int, mean: float, sd: float, skew: bool):
    def draw(rng: np.random.Generator) -> tuple[int, np.ndarray]:
        true = rng.normal(mean, sd, (2, SIMULATED, MOST))
        if skew:
            true -= 5 * sd * (rng.random(true.shape) < 0.1)
        return count, rng.binomial(count, np.clip(true, 0, 1)) / count

    return draw


SITUATIONS = {
    "5,000 pictures, 98 %, sd 0.2 points": _shares(5000, 0.98, 0.002, skew=False),
    "2,000 pictures, 80 %, sd 1 point": _shares(2000, 0.80, 0.01, skew=False),
    "200 pictures, 97 %, sd 0.3 points": _shares(200, 0.97, 0.003, skew=False),
    "50 pictures, 96 %, sd 0": _shares(50, 0.96, 0.0, skew=False),
    "2,000 pictures, one seed in ten 5 sd worse": _shares(2000, 0.95, 0.003, skew=True),
}


def t_values(series: np.ndarray, count: int) -> np.ndarray:
    """The paired t statistic after each seed (series, most), as `Comparison` computes it."""
    seeds = np.arange(1, series.shape[1] + 1)
    mean = series.cumsum(axis=1) / seeds
    squares = np.maximum((series**2).cumsum(axis=1) - seeds * mean**2, 0)
    spread = np.sqrt(squares / np.maximum(seeds - 1, 1))
    return mean / np.maximum(spread, 0.5 / count) * np.sqrt(seeds)


def mixture(statistics: np.ndarray, width: float) -> np.ndarray:
    """Evidence against no difference after each seed: a mixture of t tests (Lai 1976).

    It is an e-process, so its first crossing of 20 keeps 5 % however long one looks.
    """
    seeds = np.arange(1, statistics.shape[1] + 1)
    freedom = np.maximum(seeds - 1, 1)
    grown, ratio = 1 + seeds * width, statistics**2 / freedom
    return grown**-0.5 * ((1 + ratio) / (1 + ratio / grown)) ** (seeds / 2)


def stopping() -> None:
    """Ways to stop, on normal differences of so many standard deviations."""
    print("\n| way to stop (at most 20) | " + " | ".join(f"d = {d:g} sd" for d in EFFECTS) + " |")
    print("|---" * (len(EFFECTS) + 1) + "|")
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "a single look at 20 seeds": lambda values: _only_last(values),
        "a look after every seed at p < 5 %": lambda values: _crossed(
            values, [t.isf(0.025, k - 1) for k in range(FIRST, MOST + 1)]
        ),
        "spending by O'Brien and Fleming": lambda values: _crossed(
            values, limits(MOST, spending=obrien_fleming).critical
        ),
        "spending in proportion (ours)": lambda values: _crossed(
            values, limits(MOST, spending=in_proportion).critical
        ),
        "anytime-valid mixture of t tests": lambda values: (
            mixture(values, 1.0)[:, FIRST - 1 :] >= 20
        ),
    }
    for name, crossed in ways.items():
        cells = []
        for effect in EFFECTS:
            draws = np.random.default_rng(7).normal(effect, 1, (SIMULATED, MOST))
            hits = crossed(t_values(draws, 10**9))
            any_hit = hits.any(axis=1)
            used = np.where(any_hit, hits.argmax(axis=1) + FIRST, MOST).mean()
            if name.startswith("a single"):
                used = MOST
            cells.append(f"{any_hit.mean():.1%}, {used:.1f} seeds")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


EFFECTS = (0.0, 0.5, 0.75, 1.0, 1.5, 2.5)


def _crossed(values: np.ndarray, critical) -> np.ndarray:
    return np.abs(values[:, FIRST - 1 :]) > np.asarray(critical)


def _only_last(values: np.ndarray) -> np.ndarray:
    hits = np.zeros((len(values), MOST - FIRST + 1), dtype=bool)
    hits[:, -1] = np.abs(values[:, -1]) > t.isf(0.025, MOST - 1)
    return hits


def differences(pool: dict[str, np.ndarray]) -> None:
    """How often recipes that truly differ are told apart."""
    base = pool["mnist-2"]
    print(
        "\n| real difference (whole pool) | sd of a pair | 3 seeds | 5 | 10 | 20 "
        "| auto: told apart, mean seeds | wrong sign |"
    )
    print("|---|---|---|---|---|---|---|---|")
    rule, rng = limits(MOST), np.random.default_rng(5)
    for name, runs in pool.items():
        if not name.startswith("mnist") or name == "mnist-2":
            continue
        true = runs.mean() - base.mean()
        spread = (runs.mean(axis=1).var(ddof=1) + base.mean(axis=1).var(ddof=1)) ** 0.5
        cells, wrong = [], 0
        for seeds in (3, 5, 10, 20, 0):
            told, used = 0, 0
            for _ in range(REAL):
                first = base[rng.permutation(len(base))[: seeds or MOST]]
                second = runs[rng.permutation(len(runs))[: seeds or MOST]]
                found = stopped(first, second, rule.at) if not seeds else None
                found = found or compare_correctness(first, second)
                told += found.verdict == "worse"
                wrong += found.verdict == "better"
                used += found.seeds
            planned = f" (planned {power(seeds, abs(true), spread):.0%})" if seeds else ""
            cells.append(
                f"{told / REAL:.0%}{planned}" if seeds else f"{told / REAL:.0%}, {used / REAL:.1f}"
            )
        label = f"{true * 100:+.2f} points ({name.removeprefix('mnist-')} epochs)"
        print(f"| {label} | {spread * 100:.2f} | {' | '.join(cells)} | {wrong} of {5 * REAL:,} |")


if __name__ == "__main__":
    main()
