"""How often nominal 95 % intervals hold the truth, which is known because the items are drawn.

    PYTHONPATH=. python benchmarks/intervals.py --trials 2000

The table goes to stdout. Shares are summed exactly; everything else is simulated. Methods that are
not used stand beside those that are, naive ones among them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from kenspeckle.evaluation.accuracy import log_losses, measure
from kenspeckle.evaluation.bootstrap import Array, Statistic, bootstrap, mean_of, studentised
from kenspeckle.evaluation.calibration import BINS
from kenspeckle.evaluation.calibration_error import calibration_error
from kenspeckle.evaluation.class_means import f1_by_derivative, f1_statistic
from kenspeckle.evaluation.intervals import Interval, Z, clopper_pearson, effective, student, wilson
from kenspeckle.evaluation.metrics import measure_fully
from kenspeckle.evaluation.ranking import auroc
from kenspeckle.predictions import Predictions

RESAMPLES = 1000
BAND = (0.935, 0.965)
CLASSES = 5
PRIORS = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
Made = dict[str, Interval]


def main() -> None:
    """Run everything and print it as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    print("| of | n | method | coverage | missed below, above | mean width | in 93.5 to 96.5 % |")
    print("|---|---|---|---|---|---|---|", flush=True)
    shares()
    seeds(trials)
    for margin, surplus in ((2.0, 1.0), (2.0, 1.5), (3.5, 1.0)):
        classified(trials, margin, surplus)
    grouped(trials)


def shares() -> None:
    """Exact coverage of intervals of a share, averaged over 0.5 to 0.995, since it oscillates."""
    levels = np.linspace(0.5, 0.995, 991)
    for count in (50, 200, 1000, 10_000):
        rights = np.arange(count + 1)
        chances = binom.pmf(rights[:, np.newaxis], count, levels)
        for name, method in (
            ("Wilson", wilson),
            ("Clopper-Pearson", clopper_pearson),
            ("Wald (control)", wald),
        ):
            found = [method(right, count) for right in rights.tolist()]
            low = np.array([one.low for one in found])[:, np.newaxis]
            high = np.array([one.high for one in found])[:, np.newaxis]
            row(
                "share",
                count,
                name,
                float((chances * (high < levels)).sum(axis=0).mean()),
                float((chances * (low > levels)).sum(axis=0).mean()),
                float((chances * (high - low)).sum(axis=0).mean()),
            )


def wald(right: float, count: float) -> Interval:
    """What is still found in many papers."""
    share = right / count
    margin = Z * math.sqrt(share * (1 - share) / count)
    return Interval(low=share - margin, high=share + margin)


def seeds(trials: int) -> None:
    """The mean over seeds whose spread is normal."""
    rng = np.random.default_rng(1)
    for count in (3, 5, 10):
        tell(
            "mean over seeds",
            count,
            0.0,
            (
                {
                    "Student": student(values),
                    "normal (control)": normal(values),
                }
                for values in rng.normal(size=(trials, count))
            ),
        )


def normal(values: Array) -> Interval:
    """As if the spread were known."""
    margin = Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(low=float(values.mean()) - margin, high=float(values.mean()) + margin)


def drawn(rng: np.random.Generator, count: int, margin: float, surplus: float) -> Predictions:
    """What a classifier says that is calibrated, but for `surplus` times too large logits."""
    labels = rng.choice(CLASSES, count, p=PRIORS)
    scores = rng.standard_normal((count, CLASSES))
    scores[np.arange(count), labels] += margin
    logits = (scores * margin + np.log(PRIORS)) * surplus
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return Predictions(
        probabilities=shares.astype(np.float32),
        labels=labels,
        class_names=tuple("abcde"),
        split="test",
    )


def classified(trials: int, margin: float, surplus: float) -> None:
    """Metrics of five unequal classes."""
    rng = np.random.default_rng(2)
    large = drawn(rng, 2_000_000, margin, surplus)
    whole, area = measure(large), auroc(large).value
    error = 0.0 if surplus == 1.0 else calibration_error(large).value
    about = f"accuracy {whole.accuracy:.1%}"
    for count in (200, 1000):
        some = [drawn(rng, count, margin, surplus) for _ in range(trials)]
        full = [measure_fully(made).metrics for made in some]
        tell(f"log-loss, {about}", count, whole.nll, (means(log_losses(made)) for made in some))
        tell(
            f"macro F1, {about}",
            count,
            whole.macro_f1,
            (
                {
                    "BCa bootstrap": found["macro_f1"].interval,
                    "Wilson for the effective n": f1_by_derivative(made, measure(made), None),
                    "percentile bootstrap": bootstrap(
                        f1_statistic(made), count, resamples=RESAMPLES
                    ),
                }
                for made, found in zip(some, full, strict=True)
            ),
        )
        tell(
            f"balanced accuracy, {about}",
            count,
            whole.balanced_accuracy,
            (
                {"Wilson of each class, combined": found["balanced_accuracy"].interval}
                for found in full
            ),
        )
        tell(
            f"AUROC, {about}",
            count,
            area,
            ({"DeLong, Wilson for the effective n": found["auroc"].interval} for found in full),
        )
        tell(
            f"ECE {error:.3f}, {about}",
            count,
            error,
            (
                {
                    "inversion along the gaps": found["ece"].interval,
                    **bootstraps(calibration_error_of(made), count),
                }
                for made, found in zip(some, full, strict=True)
            ),
        )


def means(values: Array) -> Made:
    """All intervals of the mean of `values`."""
    return {
        "studentised bootstrap": studentised(values, resamples=RESAMPLES),
        **bootstraps(mean_of(values), len(values)),
        "normal": normal(values),
    }


def bootstraps(statistic: Statistic, count: int, groups: NDArray[np.int64] | None = None) -> Made:
    """Percentile and BCa."""
    return {
        "percentile bootstrap": bootstrap(statistic, count, groups=groups, resamples=RESAMPLES),
        "BCa bootstrap": bootstrap(
            statistic, count, groups=groups, method="bca", resamples=RESAMPLES
        ),
    }


def calibration_error_of(made: Predictions) -> Statistic:
    """The expected calibration error of weights of the items."""
    said = made.probabilities.max(axis=1).astype(np.float64)
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    parts = np.eye(BINS)[place] * (said - (made.predicted == made.labels))[:, np.newaxis]

    def statistic(weights: Array) -> Array:
        return np.asarray(np.abs(weights @ parts).sum(axis=1) / weights.sum(axis=1))

    return statistic


def grouped(trials: int) -> None:
    """Ten items a group, with an intra-class correlation of 0.3."""
    rng = np.random.default_rng(3)
    accuracy, correlation, size = 0.9, 0.3, 10
    worth = 1 / correlation - 1
    for units in (30, 100, 400):
        groups = np.repeat(np.arange(units), size)
        chances = rng.beta(accuracy * worth, (1 - accuracy) * worth, (trials, units))
        right = rng.random((trials, units * size)) < chances.repeat(size, axis=1)
        tell(
            f"accuracy 90 %, {units} groups of 10",
            units * size,
            accuracy,
            (
                {
                    "Wilson for the effective n": effective(
                        values.mean(),
                        (values - values.mean()) / len(values),
                        groups=groups,
                        most=len(values),
                    ),
                    **bootstraps(mean_of(values), len(values), groups),
                    "naive Wilson (control)": wilson(int(values.sum()), len(values)),
                }
                for values in right.astype(np.float64)
            ),
        )
        shared = rng.gamma(correlation / 2, 2, (trials, units)).repeat(size, axis=1)
        skewed = shared + rng.gamma((1 - correlation) / 2, 2, (trials, units * size))
        tell(
            f"skewed mean, {units} groups of 10",
            units * size,
            1.0,
            (
                {
                    "studentised bootstrap": studentised(
                        values, groups=groups, resamples=RESAMPLES
                    ),
                    **bootstraps(mean_of(values), len(values), groups),
                    "naive studentised (control)": studentised(values, resamples=RESAMPLES),
                }
                for values in skewed
            ),
        )


def tell(of: str, count: int, truth: float, found: Iterator[Made]) -> None:
    """A row for each method."""
    tables: dict[str, list[Interval]] = {}
    for made in found:
        for name, interval in made.items():
            tables.setdefault(name, []).append(interval)
    for name, intervals in tables.items():
        low = np.array([one.low for one in intervals])
        high = np.array([one.high for one in intervals])
        row(
            of,
            count,
            name,
            float((high < truth).mean()),
            float((low > truth).mean()),
            float((high - low).mean()),
        )


def row(of: str, count: int, method: str, below: float, above: float, width: float) -> None:
    """Print one line; intervals that lie wholly below the truth, and wholly above it."""
    coverage = 1 - below - above
    verdict = "yes" if BAND[0] <= coverage <= BAND[1] else "no"
    print(
        f"| {of} | {count:,} | {method} | {coverage:.2%} | {below:.2%}, {above:.2%} "
        f"| {width:.4f} | {verdict} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
