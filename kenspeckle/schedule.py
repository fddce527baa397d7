"""Schedules of the learning rate: pure functions of how much of the training is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ScheduleName = Literal["constant", "one-cycle", "linear-to-zero"]


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The course of the rate, as a factor of the optimizer's `rate`."""

    name: ScheduleName = "linear-to-zero"
    warmup: float = 0.2  # share of all steps in which the rate rises; not for "constant"
    start: float = 0.1  # factor at the first step of the warm-up

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must be in 0..1, got {self.warmup}")
        if not 0 <= self.start <= 1:
            raise ValueError(f"start must be in 0..1, got {self.start}")


def factor(config: ScheduleConfig, done: float) -> float:
    """What to multiply the rate with when the share `done`, 0 to 1, of all steps is behind us."""
    if config.name != "constant" and done < config.warmup:
        return config.start + (1 - config.start) * _RISE[config.name](done / config.warmup)
    rest = (1 - done) / (1 - config.warmup) if config.name != "constant" else 1.0
    return _FALL[config.name](rest)


def _cosine(share: float) -> float:
    return 0.5 - 0.5 * math.cos(math.pi * share)


def _line(share: float) -> float:
    return share


_Course = Callable[[float], float]
# one-cycle: Smith and Topin 2018 (arXiv 1708.07120), in the cosine form of fastai
_RISE: dict[str, _Course] = {"one-cycle": _cosine, "linear-to-zero": _line}
_FALL: dict[str, _Course] = {
    "constant": lambda rest: 1.0,
    "one-cycle": _cosine,
    "linear-to-zero": _line,
}
