"""How the figures of a split are told in the terminal: a headline, a small table, what follows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kenspeckle.pages.text import share

if TYPE_CHECKING:
    from kenspeckle.evaluation.accuracy import Measurement
    from kenspeckle.evaluation.intervals import Estimate
    from kenspeckle.evaluation.reliance import Reliance

CLASSES = 20  # rows; more are a wall, and the ones told worst are what is asked for
_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "ece": "calibration error",
}
_SHARES = ("balanced_accuracy", "top_2", "top_3", "top_5")


def metrics(measured: Measurement, temperature: dict[str, Any] | None) -> Table:
    """All but the accuracy, which is the headline; `temperature` is as in `result.json`."""
    table = _table("metric", "value", "95 % interval", "method")
    for name, estimate in measured.metrics.items():
        if name != "accuracy":
            label = _NAMES.get(name, name.replace("_", "-"))
            if name == "log_loss" and measured.mean_absolute_error is None:
                is_scaled = temperature is not None and temperature["value"] != 1
                label += " (scaled)" if is_scaled else " (unscaled)"
            table.add_row(label, *_numbers(name, estimate), Text(estimate.method, style="dim"))
    return table


def classes(measured: Measurement) -> Table:
    """Each class, or those of the lowest recall where there are many."""
    rows = list(measured.per_class)
    if len(rows) > CLASSES:
        present = [row for row in rows if row.n]
        rows = sorted(present, key=lambda row: row.recall)[:CLASSES]
    table = _table("class", "n", "precision", "recall", "95 % interval")
    for row in rows:
        table.add_row(
            Text(row.name),
            f"{row.n:,}",
            "-" if math.isnan(row.precision) else f"{row.precision:.2%}",
            "-" if math.isnan(row.recall) else f"{row.recall:.2%}",
            f"{row.interval.low * 100:.2f} to {row.interval.high * 100:.2f}",
        )
    return table


def temperature_line(told: dict[str, Any] | None) -> str:
    """What the temperature of a run changed; `told` is its entry in `result.json`."""
    if not told:
        return ""
    if told["reason"]:
        return f"temperature 1, not fitted: {told['reason']}"
    log_loss, error = (
        f"{told[f'{name}_before']:.4f} to {told[f'{name}_after']:.4f}"
        for name in ("log_loss", "ece")
    )
    return (
        f"temperature {told['value']:.3g}: log-loss {log_loss}, calibration error {error} "
        f"(cross-fitted on {told['split']}, n={told['n']:,})"
    )


def reliance_lines(found: Reliance) -> Iterator[str]:
    """The surest answers, the threshold, the sets."""
    surest = next(
        one for one in found.at_coverage if one.coverage < 1 or one is found.at_coverage[-1]
    )
    yield f"of the surest {surest.coverage:.0%}, right: {_told(surest.accuracy)}"
    chosen = found.threshold
    if math.isnan(chosen.probability):
        yield (
            f"no threshold on {chosen.chosen_on} (n={chosen.chosen_n:,}) "
            f"makes {chosen.wanted:.1%} accuracy certain"
        )
    elif chosen.accuracy.n:
        verdict = "proven" if chosen.is_guaranteed else "not proven"
        yield (
            f"answering from {chosen.probability:.3g} (chosen on {chosen.chosen_on}): "
            f"{chosen.coverage.value:.1%} answered, right: {_told(chosen.accuracy)}; "
            f"at least {chosen.wanted:.1%} is {verdict} (lower bound {chosen.lowest:.2%})"
        )
    sets = found.sets[0]
    yield (
        f"sets for {sets.wanted:.1%} (fitted on {sets.fitted_on}): "
        f"hold the class in {_told(sets.coverage)}, {sets.mean_size:.2f} classes on average"
    )


def _told(estimate: Estimate) -> str:
    interval = estimate.interval
    return share(estimate.value, interval.low, interval.high, estimate.n)


def _numbers(name: str, estimate: Estimate) -> tuple[str, str]:
    low, high = estimate.interval.low, estimate.interval.high
    if math.isnan(estimate.value):
        return "-", "-"
    if name in _SHARES:
        return f"{estimate.value:.2%}", f"{low * 100:.2f} to {high * 100:.2f}"
    return f"{estimate.value:.4f}", f"{low:.4f} to {high:.4f}"


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in titles:
        is_left = title in ("class", "metric", "method")
        table.add_column(title, justify="left" if is_left else "right")
    return table
