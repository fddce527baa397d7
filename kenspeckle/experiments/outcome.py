"""What an experiment measured, beside what its document says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kenspeckle.evaluation.intervals import Interval, student

Unit = Literal["share", "seconds", "steps", "number"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One measured quantity: a value for each seed."""

    name: str  # "test accuracy"
    values: tuple[float, ...]
    headline: str = ""  # what the document says of it
    unit: Unit = "share"
    n: int = 0  # items that each value is of; 0 where it is of none
    interval: Interval | None = None  # 95 %
    least: float | None = None  # what ours must reach, and must not exceed
    most: float | None = None

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; NaN for one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan

    @property
    def met(self) -> bool | None:
        """Whether the mean is within what was asked for; None where nothing was."""
        if self.least is None and self.most is None:
            return None
        return (self.least or -math.inf) <= self.mean <= (self.most or math.inf)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing that belongs to an outcome."""

    title: str
    about: str  # what it shows, for those who cannot see it
    png: bytes


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that one experiment found."""

    quantities: tuple[Quantity, ...]
    story: str  # in one or two sentences, with the numbers
    pictures: tuple[Picture, ...] = ()
    recipe: str = ""  # the complete configuration as TOML
    notes: tuple[str, ...] = ()  # where it departs from the document
    seeds: int = 1


def over_seeds(values: Sequence[float], *, highest: float = math.inf) -> Interval | None:
    """The 95 % t interval of the mean of `values` within 0..`highest`; None for a single one."""
    if len(values) < 2:
        return None
    found = student(values)
    return Interval(low=max(0.0, found.low), high=min(highest, found.high))
