"""The one strict door between text and configuration: frozen dataclasses <-> TOML, overrides.

Any field may be an int, float, bool, str, Literal, a tuple of one of these, a dataclass, or a
union of dataclasses that are told apart by their `name` field.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.foreign import read_regular

MAX_BYTES = 1 << 20  # of a file of settings

Config = TypeVar("Config")
Settings = Mapping[str, Any]


def from_dict(kind: type[Config], settings: Settings, *, prefix: str = "") -> Config:
    """Build `kind` from nested `settings`; raise `ConfigError` with the full dotted name."""
    hints = _hints(kind)
    for key in settings:
        if key not in hints:
            raise ConfigError(
                unknown_name("setting", prefix + key, (prefix + name for name in hints))
            )
    values = {key: _value(hints[key], value, prefix + key) for key, value in settings.items()}
    try:
        return kind(**values)
    except ConfigError:
        raise
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{prefix}{error}") from error


def to_dict(config: Any) -> dict[str, Any]:
    """Every field of `config`, defaults included, as nested plain values."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in values.items()}


def override(config: Config, assignments: Iterable[str]) -> Config:
    """Apply `a.b=value` texts in order; a value is TOML, or a plain word for a string."""
    settings = to_dict(config)
    with _bounded_depth():
        for assignment in assignments:
            path, separator, text = assignment.partition("=")
            if not separator or not path.strip():
                raise ConfigError(
                    f"expected KEY=VALUE, got {assignment!r}; for example train.epochs=3"
                )
            _assign(type(config), settings, path.strip().split("."), _toml_value(text.strip()))
        return from_dict(type(config), settings)


def dumps(config: Any) -> str:
    """The complete configuration as TOML; `loads` reads it back to an equal value."""
    return "\n".join(_toml_lines(to_dict(config), "")) + "\n"


def loads(kind: type[Config], text: str) -> Config:
    """Read TOML; raise `ConfigError` where the text is no TOML or does not fit `kind`."""
    with _bounded_depth():
        try:
            settings = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"not valid TOML: {error}") from error
        return from_dict(kind, settings)


def load(kind: type[Config], path: Path) -> Config:
    """Read a TOML file; errors name the file."""
    try:
        return loads(kind, read_regular(path, at_most=MAX_BYTES).decode())
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{path}: cannot be read as a configuration: {reason}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read as a configuration: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


@contextmanager
def _bounded_depth() -> Iterator[None]:
    """Refuse in one line what is nested too deep to be parsed, or to be shown in a message."""
    try:
        yield
    except RecursionError as error:
        raise ConfigError(
            "tables or lists are nested too deep; no setting needs more than a list in a table, "
            "such as model.widths=[16, 32]"
        ) from error


def _assign(kind: Any, settings: dict[str, Any], path: list[str], value: Any) -> None:
    """Put `value` at the dotted `path`; another variant of a union starts from its own defaults."""
    owner, here = kind, settings
    for depth, key in enumerate(path[:-1]):
        owner = _hints(_variant(owner, here)).get(key)
        if not isinstance(here.get(key), dict):
            known = [".".join([*path[:depth], name]) for name in here]
            raise ConfigError(unknown_name("setting", ".".join(path), known))
        here = here[key]
    variants = _variants(owner) if _is_union(owner) and path[-1] == "name" else {}
    if (
        isinstance(value, str)
        and value in variants
        and variants[value] is not _variant(owner, here)
    ):
        here.clear()
    here[path[-1]] = value


def _value(hint: Any, value: Any, name: str) -> Any:
    if _is_union(hint) or dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be a table of settings, got {value!r}")
        return from_dict(_choose(hint, value, name), value, prefix=f"{name}.")
    if get_origin(hint) is Literal:
        # compared with its type, because True == 1 would pass for the choice 1
        if not any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            choices = ", ".join(map(str, get_args(hint)))
            raise ConfigError(f"{name} must be one of {choices}, got {value!r}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} must be a list, got {value!r}")
        item = get_args(hint)[0]
        return tuple(_value(item, part, f"{name}[{index}]") for index, part in enumerate(value))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{name} must be {_WORDS.get(hint, hint.__name__)}, got {value!r}")
    return value


_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}


def _choose(hint: Any, value: Settings, name: str) -> Any:
    """The dataclass that `value` describes: `hint` itself, or the variant that it names."""
    if not _is_union(hint):
        return hint
    variants = _variants(hint)
    if "name" not in value:
        raise ConfigError(f"{name}.name is missing (known: {', '.join(sorted(variants))})")
    if not isinstance(value["name"], str) or value["name"] not in variants:
        raise ConfigError(unknown_name(f"{name}.name", str(value["name"]), variants))
    return variants[value["name"]]


def _variant(hint: Any, settings: Settings) -> Any:
    return _variants(hint).get(str(settings.get("name", "")), hint) if _is_union(hint) else hint


def _variants(hint: Any) -> dict[str, Any]:
    """The dataclasses of a union by the value that their `name` field may take."""
    found = {}
    for variant in get_args(hint):
        for name in get_args(_hints(variant)["name"]):
            found[name] = variant
    return found


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text


def _toml_lines(settings: Settings, prefix: str) -> list[str]:
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in settings.items() if key not in tables]
    for key, table in tables.items():
        lines += ["", f"[{prefix}{key}]", *_toml_lines(table, f"{prefix}{key}.")]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, str):
        # JSON leaves U+007F bare, which TOML forbids
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
