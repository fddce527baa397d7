"""What a search may try: ranges and choices of settings, as typed, in TOML, or by default.

A setting is a dotted name of a run's configuration, or `augment.strength`, which multiplies every
strength of the augmentation.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.data.augment_config import AugmentConfig
from kenspeckle.errors import ConfigError
from kenspeckle.foreign import read_regular
from kenspeckle.settings import RunConfig

STRENGTH = "augment.strength"  # known to searches only
_AMOUNTS = (
    *("rotation", "shift", "zoom", "shear", "stretch", "elastic", "crop"),
    *("brightness", "contrast", "saturation"),
)
_RANGE = re.compile(r"(.+?)\.\.(.+?)(\(log\))?")
_MANY = 100_000  # cells of a grid


@dataclass(frozen=True, kw_only=True)
class Range:
    """All numbers from `low` to `high`; whole ones where both ends are whole."""

    low: float
    high: float
    log: bool = False  # whether a factor counts, and not a difference

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"must go from a number to a larger one, got {self.text}")
        if self.log and self.low <= 0:
            raise ValueError(f"must begin above 0 to be searched by factors, got {self.text}")

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return type(self.low) is int and type(self.high) is int

    @property
    def text(self) -> str:
        """As it is typed."""
        return f"{self.low}..{self.high}" + ("(log)" if self.log else "")

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that must be possible for all others to be."""
        return str(self.low), str(self.high)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One of some values, each as TOML; a single one is fixed."""

    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) < len(self.values):
            raise ValueError(f"must have values that differ, got {self.text or 'none'}")

    @property
    def text(self) -> str:
        """As it is typed."""
        return ",".join(self.values)

    @property
    def ends(self) -> tuple[str, ...]:
        """The values that must be possible."""
        return self.values


Values = Range | Choices
Space = Mapping[str, Values]


def typed(texts: Iterable[str]) -> dict[str, Values]:
    """What "KEY=a,b,c" and "KEY=low..high(log)" say; raise `ConfigError` for anything else."""
    found = {}
    for text in texts:
        key, separator, values = (part.strip() for part in text.partition("="))
        if not separator or not key or not values:
            raise ConfigError(
                f"expected KEY=a,b,c or KEY=low..high(log), got {text!r}; for example "
                "optimizer.rate=0.001..0.1(log)"
            )
        if key in found:
            raise ConfigError(f"{key} is given twice; give all its values at once")
        found[key] = _values(key, values)
    return found


def read_space(path: Path) -> dict[str, Values]:
    """A TOML file: a list is a choice, a table with low and high a range, all else is fixed."""
    try:
        settings = tomllib.loads(read_regular(path, at_most=config.MAX_BYTES).decode())
        return dict(_flat(settings, ""))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as a space: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def default_space(recipe: RunConfig) -> dict[str, Values]:
    """Rate, weight decay, augmentation strength, batch size, label smoothing, around `recipe`."""
    rate, decay = recipe.optimizer.rate, recipe.optimizer.weight_decay
    size = recipe.train.batch_size
    found: dict[str, Values] = {
        "optimizer.rate": Range(low=_round(rate / 4), high=_round(rate * 4), log=True),
        "optimizer.weight_decay": Range(
            low=_round(decay / 10 or 1e-6), high=_round(decay * 10 or 1e-2), log=True
        ),
        "train.batch_size": Choices(
            values=tuple(str(each) for each in ((size // 2, size, size * 2) if size else (16, 64)))
        ),
    }
    if any(getattr(recipe.augment, name) for name in _AMOUNTS):
        found[STRENGTH] = Range(low=0.25, high=1.75)
    if recipe.train.loss == "cross-entropy":
        found["train.label_smoothing"] = Range(low=0.0, high=0.2)
    if recipe.transfer.backbone:  # what is searched is fine-tuning: the head finds its own penalty
        found["train.layer_decay"] = Range(low=0.7, high=1.0)
        found["transfer.fine_tune"] = Choices(values=('"on"',))
    return found


def fixed_apart(space: Space) -> tuple[tuple[str, ...], dict[str, Values]]:
    """Settings that have one value only, as "KEY=value", and the rest of `space`."""
    fixed = {
        key: values.values[0]
        for key, values in space.items()
        if isinstance(values, Choices) and len(values.values) == 1 and key != STRENGTH
    }
    settings = tuple(f"{key}={value}" for key, value in fixed.items())
    return settings, {key: values for key, values in space.items() if key not in fixed}


def configured(base: RunConfig, assignments: Mapping[str, str]) -> RunConfig:
    """`base` with a value for each setting; raise `ConfigError` where they contradict."""
    plain = {key: value for key, value in assignments.items() if key != STRENGTH}
    # a name first, because another variant starts from its own defaults
    ordered = sorted(plain, key=lambda key: not key.endswith(".name"))
    found = config.override(base, [f"{key}={plain[key]}" for key in ordered])
    if STRENGTH not in assignments:
        return found
    factor = _number(assignments[STRENGTH])
    if not isinstance(factor, int | float) or not 0 <= factor <= 100:
        raise ConfigError(f"{STRENGTH} must be in 0..100, got {assignments[STRENGTH]}")
    return config.override(
        found,
        [
            f"augment.{field.name}={getattr(found.augment, field.name) * factor!r}"
            for field in fields(AugmentConfig)
            if field.name in _AMOUNTS
        ],
    )


def require_possible(base: RunConfig, space: Space) -> None:
    """Raise `ConfigError` where a setting is unknown or cannot take one of its values."""
    fixed = {
        key: values.values[0]
        for key, values in space.items()
        if isinstance(values, Choices) and len(values.values) == 1
    }
    names = {key for key in space if key.endswith(".name")}
    for key, values in space.items():
        for value in values.ends:
            # a setting of another variant is unknown to the one that the recipe has
            if not any(key.startswith(name.removesuffix("name")) for name in names - {key}):
                configured(base, {**fixed, key: value})


def cells(space: Space) -> list[dict[str, str]]:
    """Every combination of the choices, the last setting changing fastest."""
    for key, values in space.items():
        if isinstance(values, Range):
            raise ConfigError(
                f"a grid needs values, and {key} is the range {values.text}; "
                f"list them as {key}=a,b,c, or use --method random"
            )
    count = math.prod(len(values.ends) for values in space.values())
    if count > _MANY:
        raise ConfigError(f"a grid of {count:,} trials is too large; use --method random")
    return [
        dict(zip(space, cell, strict=True))
        for cell in product(*(values.ends for values in space.values()))
    ]


def _values(key: str, text: str) -> Values:
    found = _RANGE.fullmatch(text)
    try:
        if found:
            low, high = (_number(part.strip()) for part in found.groups()[:2])
            if isinstance(low, int | float) and isinstance(high, int | float):
                return Range(low=low, high=high, log=bool(found[3]))
            raise ValueError(f"must go from a number to a larger one, got {text}")
        try:
            parts = tomllib.loads(f"values = [{text}]")["values"]
        except tomllib.TOMLDecodeError:  # words without quotation marks
            parts = [_number(part.strip()) for part in text.split(",")]
        return Choices(values=tuple(map(_text, parts)))
    except ValueError as error:
        raise ConfigError(f"{key} {error}") from error


def _flat(settings: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Values]]:
    for name, value in settings.items():
        key = prefix + name
        try:
            if isinstance(value, Mapping) and {"low", "high"} <= set(value) <= {
                "low", "high", "log",
            }:  # fmt: skip
                yield key, Range(**value)
            elif isinstance(value, Mapping):
                yield from _flat(value, f"{key}.")
            else:
                parts = value if isinstance(value, list) else [value]
                yield key, Choices(values=tuple(map(_text, parts)))
        except ConfigError:
            raise
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{key} {error}") from error


def _number(text: str) -> Any:
    """A TOML value, or a plain word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _text(value: Any) -> str:
    """`value` as TOML; of numbers, strings, booleans and lists the same as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError as error:
        raise ValueError(f"must be numbers, words, true or false, or lists, got {value}") from error


def _round(value: float) -> float:
    """Three digits, as a person would type it."""
    return float(f"{value:.3g}")
