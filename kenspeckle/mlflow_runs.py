"""Runs as runs of an MLflow server: the same records, read from the run folder.

Needs no torch. What is logged a second time is brought up to date, not doubled.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kenspeckle.errors import ConfigError, MissingExtraError, RunError
from kenspeckle.foreign import read_regular

EXPERIMENT = "kenspeckle"
_KEY = "kenspeckle.run"  # the tag by which a run is found again
_STATUS = {"finished": "FINISHED", "failed": "FAILED"}  # all others were killed
_ARTIFACTS = ("model.safetensors", "report.html", "config.toml", "environment.json", "result.json")
_CURVES = {
    "train/loss": "loss",
    "train/accuracy": "accuracy",
    "validation/loss": "validation_loss",
    "validation/accuracy": "validation_accuracy",
    "rate": "rate",
    "images_per_second": "images_per_second",
}
_MOST = 100  # parameters in one request
_METRICS = 900  # numbers in one request
_LONGEST = 6000  # letters of a parameter
_PATIENCE = 5.0  # seconds in which a server must answer
_LARGEST = 64 << 20  # bytes of a document


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """A run and what it is called at the server."""

    run: str
    mlflow_id: str
    is_new: bool  # otherwise its result and files were brought up to date


def log_runs(
    folders: Sequence[Path],
    url: str,
    *,
    statuses: Mapping[str, str] | None = None,
    experiment: str = EXPERIMENT,
) -> Iterator[LoggedRun]:
    """Log each run folder at the server `url`: settings, curves by step, result and files.

    `statuses` of runs by name, as the run log has them; otherwise those with a result are
    finished. Raises `RunError` where the server does not answer or a folder is no run.
    """
    _require_answer(url)
    with _explained(url):
        client = _client()(tracking_uri=url)
        found = client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else client.create_experiment(experiment)
        for folder in folders:
            status = (statuses or {}).get(folder.resolve().name, "finished")
            yield _logged(client, number, folder, status)


def _logged(client: Any, experiment: str, folder: Path, status: str) -> LoggedRun:
    config = _read(folder / "config.toml", tomllib.loads)
    environment = _read(folder / "environment.json", json.loads)
    name, key = folder.resolve().name, _key(folder, environment)
    [known] = client.search_runs([experiment], f"tags.`{_KEY}` = '{key}'", max_results=1) or [None]
    if known is None:
        tags = {_KEY: key, "mlflow.runName": name, "commit": str(environment.get("commit", ""))}
        known = client.create_run(experiment, tags=tags)
        is_new = True
    else:
        is_new = known.info.status == "RUNNING"  # begun by a process that was killed
    number = known.info.run_id
    entity = _entities()
    if is_new:
        settings = [entity.Param(key, _text(value)) for key, value in _flat(config)]
        for first in range(0, len(settings), _MOST):
            client.log_batch(number, params=settings[first : first + _MOST])
        metrics = list(_curves(folder, entity))
        for first in range(0, len(metrics), _METRICS):
            client.log_batch(number, metrics=metrics[first : first + _METRICS])
    client.log_batch(number, metrics=list(_results(folder, entity)))
    for file in _ARTIFACTS:
        if (folder / file).is_symlink():
            raise RunError(
                f"{folder}: {file} is a link, and what it is to would leave this machine"
            )
        if (folder / file).is_file():
            client.log_artifact(number, str(folder / file))
    client.set_terminated(number, status=_STATUS.get(status, "KILLED"))
    return LoggedRun(run=name, mlflow_id=number, is_new=is_new)


def _curves(folder: Path, entity: Any) -> Iterator[Any]:
    """A number for each epoch, at the step after which it was validated."""
    path = folder / "epochs.jsonl"
    now = int(time.time() * 1000)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        record = _parsed(path, line, json.loads)
        for name, key in _CURVES.items():
            if record.get(key) is not None:
                yield entity.Metric(name, float(record[key]), now, int(record["step"]))


def _results(folder: Path, entity: Any) -> Iterator[Any]:
    """Every number of each split that was measured, such as result/test/interval/low."""
    path = folder / "result.json"
    now = int(time.time() * 1000)
    for name, value in _flat(_read(path, json.loads) if path.is_file() else {}, "/"):
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield entity.Metric(f"result/{name}", float(value), now, 0)


def _key(folder: Path, environment: Mapping[str, Any]) -> str:
    """The same for the same run in the same place, and free of quotation marks."""
    facts = [str(folder.resolve()), environment.get("data"), environment.get("seed")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _flat(settings: Mapping[str, Any], mark: str = ".") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}{mark}{key}", inner) for key, inner in _flat(value, mark))
        else:
            yield name, value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _read(path: Path, parse: Any) -> dict[str, Any]:
    try:
        text = read_regular(path, at_most=_LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path.parent}: no run here ({path.name} cannot be read)") from error
    return _parsed(path, text, parse)


def _parsed(path: Path, text: str, parse: Any) -> dict[str, Any]:
    try:
        document: dict[str, Any] = parse(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not readable: {error}") from error
    return document


def _require_answer(url: str) -> None:
    """Raise soon where nobody listens, which MLflow would try for minutes."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"expected the URL of a server, such as http://127.0.0.1:5000, got {url}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise RunError(f"no MLflow server answers at {_shown(url)}: {error}") from error


def _shown(url: str) -> str:
    """`url` without a password."""
    parts = urlsplit(url)
    return url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1)


def _client() -> Any:
    # before the import, which would report its use to the makers of MLflow
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise MissingExtraError(
            "the MLflow client is not installed; pip install 'kenspeckle[mlflow]'"
        ) from error
    return MlflowClient


def _entities() -> Any:
    from mlflow import entities

    return entities


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn what the client raises into one line."""
    client_error: type[Exception] = _exception()
    try:
        yield
    except client_error as error:
        first = next(iter(str(error).splitlines()), "")
        raise RunError(f"the MLflow server at {_shown(url)} refused: {first}") from error


def _exception() -> type[Exception]:
    _client()
    from mlflow.exceptions import MlflowException

    found: type[Exception] = MlflowException
    return found
