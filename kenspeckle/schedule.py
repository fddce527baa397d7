"""Schedules of the learning rate: pure functions of how much of the training is done."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

ScheduleName = Literal["constant", "cosine", "linear-to-zero", "one-cycle", "step"]


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The course of the rate, as a factor of the optimizer's `rate`: a warm-up, then the fall."""

    name: ScheduleName = "linear-to-zero"
    warmup: float = 0.2  # share of all steps in which the rate rises; not for "constant"
    start: float = 0.1  # factor at the first step of the warm-up
    drops: tuple[float, ...] = (0.5, 0.75)  # "step": shares of all steps after which it drops
    drop_factor: float = 0.1  # "step": what each drop multiplies it with

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must be in 0..1, got {self.warmup}")
        if not 0 <= self.start <= 1:
            raise ValueError(f"start must be in 0..1, got {self.start}")
        if list(self.drops) != sorted(self.drops) or any(not 0 < at < 1 for at in self.drops):
            raise ValueError(f"drops must be ascending shares in 0..1, got {self.drops}")
        if not 0 < self.drop_factor < 1:
            raise ValueError(f"drop_factor must be in 0..1, got {self.drop_factor}")


def factor(config: ScheduleConfig, done: float) -> float:
    """What to multiply the rate with when the share `done`, 0 to 1, of all steps is behind us."""
    if config.name == "constant":
        return 1.0
    if done < config.warmup:
        rise = done / config.warmup
        rise = _cosine(rise) if config.name == "one-cycle" else rise
        return config.start + (1 - config.start) * rise
    if config.name == "step":
        return config.drop_factor ** sum(done >= at for at in config.drops)
    return _FALL[config.name]((1 - done) / (1 - config.warmup))


def _cosine(share: float) -> float:
    return 0.5 - 0.5 * math.cos(math.pi * share)


def _line(share: float) -> float:
    return share


_FALL: dict[str, Callable[[float], float]] = {
    # Loshchilov and Hutter 2017, without restarts
    "cosine": _cosine,
    "linear-to-zero": _line,
    # Smith and Topin 2018 (arXiv 1708.07120), in the cosine form of fastai
    "one-cycle": _cosine,
}
