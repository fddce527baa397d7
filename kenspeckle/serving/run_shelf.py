"""The runs of one folder as plain data: nothing that lies elsewhere, nothing without bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kenspeckle import runlog
from kenspeckle.errors import RunError
from kenspeckle.evaluation.intervals import wilson
from kenspeckle.leaderboard import grouped
from kenspeckle.run_difference import compare_runs
from kenspeckle.runlog import LogRow
from kenspeckle.serving.shelf_files import file_bytes, file_text, has_file, inside

REPORT = "report.html"
_LOG_FILES = (runlog.FILE_NAME, f"{runlog.FILE_NAME}-wal", f"{runlog.FILE_NAME}-shm")
_CONFIG, _EPOCHS, _RESULT, _FAILURE = "config.toml", "epochs.jsonl", "result.json", "failure.json"
_COMPARED = (_CONFIG, "environment.json", _RESULT)
_MOST_ROWS = 2000
_MOST_FOLLOWED = 20  # trainings whose epochs are read for the leaderboard
_MOST_EPOCHS = 5000
_LONGEST_VALUE = 200  # letters of a setting
_LARGEST = 1e15  # of a number in a file that is believed
_CURVES = (
    "epoch",
    "loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_n",
    "rate",
    "seconds",
)


class RunShelf:
    """The runs in `folder`, which is the one around run folders, as `ken runs` lists them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def board(self) -> dict[str, Any]:
        """Rows and groups of the leaderboard: what trains, then the best first.

        Raises `RunError` without a log.
        """
        rows = sorted(self._rows(), key=lambda row: row.status != "training")
        return {
            "runs": [
                _row(self._so_far(row) if number < _MOST_FOLLOWED else row)
                for number, row in enumerate(rows[:_MOST_ROWS])
            ],
            "left_out": max(0, len(rows) - _MOST_ROWS),
            "groups": [asdict(group) for group in grouped(rows)],
        }

    def run(self, name: str) -> dict[str, Any]:
        """One run with its curves, settings and results, finished or not."""
        row = self._named(name)
        folder = self._folder / name
        failure = file_text(folder, _FAILURE)
        results = _results(file_text(folder, _RESULT), row.test_openings)
        # those of the result know of groups, the log does not
        known = {f"{one['split']}_interval": one["interval"] for one in results if one["interval"]}
        return {
            **_row(self._so_far(row)),
            **known,
            "epochs_done": self._epochs(name),
            "results": results,
            "config": file_text(folder, _CONFIG),
            "failure": _sentence(failure) if row.status != "finished" else "",
            "has_report": has_file(folder, REPORT),
        }

    def comparison(self, first: str, second: str) -> dict[str, Any]:
        """What tells two finished runs apart: settings, facts, and results with intervals."""
        paths = []
        for name in (first, second):
            self._named(name)
            folder = self._folder / name
            for file in _COMPARED:
                if not has_file(folder, file):
                    raise RunError(f"{name}: no finished run here (missing {file})")
            for kept in folder.glob("predictions-*.npz"):
                has_file(folder, kept.name)  # refuses a link that leads outside
            paths.append(folder)
        try:
            found = compare_runs(paths[0], paths[1])
        except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise RunError(f"{first}, {second}: their files are not those of runs") from error
        return {
            "runs": [first, second],
            "settings": _pairs(found.settings),
            "facts": _pairs(found.facts),
            "results": [
                {
                    "split": pair.split,
                    "accuracies": list(pair.accuracies),
                    "counts": list(pair.counts),
                    "difference": pair.gap.difference,
                    "interval": [pair.gap.interval.low, pair.gap.interval.high],
                    "is_paired": pair.is_paired,
                }
                for pair in found.results
            ],
        }

    def report(self, name: str) -> bytes:
        """The page of a run as it lies in its folder; raises `RunError` where there is none."""
        self._named(name)
        page = file_bytes(self._folder / name, REPORT)
        if page is None:
            raise RunError(f"{name}: no report here; `ken report` writes one")
        return page

    def _rows(self) -> list[LogRow]:
        for file in _LOG_FILES:
            inside(self._folder / file, self._folder)
        return runlog.rows(self._folder)

    def _named(self, name: str) -> LogRow:
        """The row of a run that the log knows and that lies in the folder itself."""
        row = next((row for row in self._rows() if row.run == name), None)
        if row is None:
            raise RunError(f"no run {name[:100]!r} here")
        try:
            path = (self._folder / name).resolve()
        except (OSError, ValueError) as error:
            raise RunError(f"{name!r} is no name of a folder") from error
        if path.parent != self._folder or Path(name).name != name:
            raise RunError(f"{name}: lies outside the folder that is served")
        if not path.is_dir():
            raise RunError(f"{name}: its folder is gone")
        return row

    def _so_far(self, row: LogRow) -> LogRow:
        """A training as its last epoch left it: the log hears of it when it ends."""
        if row.status != "training" or row.validation_accuracy is not None:
            return row
        try:
            self._named(row.run)
            epochs = self._epochs(row.run)
        except RunError:  # one that cannot be shown is no reason to show none
            epochs = []
        if not epochs:
            return row
        last = epochs[-1]
        return replace(
            row,
            epochs=int(last.get("epoch", 0)),
            validation_accuracy=last.get("validation_accuracy"),
            validation_n=int(last.get("validation_n", 0)),
            train_seconds=sum(epoch.get("seconds", 0.0) for epoch in epochs),
        )

    def _epochs(self, run: str) -> list[dict[str, Any]]:
        """The numbers of each epoch; a last line that is still being written is left out."""
        found = []
        for line in file_text(self._folder / run, _EPOCHS).splitlines()[-_MOST_EPOCHS:]:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                numbers = {key: record[key] for key in _CURVES if _is_number(record.get(key))}
                found.append(numbers | _interval(record.get("validation_interval")))
        return found


def _row(row: LogRow) -> dict[str, Any]:
    def around(accuracy: float | None, count: int) -> list[float] | None:
        if accuracy is None or count < 1 or not 0 <= accuracy <= 1:
            return None
        interval = wilson(accuracy * count, count)
        return [interval.low, interval.high]

    return {
        **asdict(row),
        "validation_interval": around(row.validation_accuracy, row.validation_n),
        "test_interval": around(row.test_accuracy, row.test_n),
    }


def _results(text: str, openings: int) -> list[dict[str, Any]]:
    """Each split that was measured: accuracy, 95 % interval, n, and whether it was chosen on.

    Of the test split the log knows `openings`.
    """
    found = []
    for split, numbers in _object(text).items():
        if isinstance(numbers, Mapping) and _is_number(numbers.get("accuracy")):
            interval = _interval(numbers.get("interval"))
            found.append(
                {
                    "split": split,
                    "role": _role(numbers, openings),
                    "accuracy": numbers["accuracy"],
                    "n": numbers["n"] if _is_number(numbers.get("n")) else 0,
                    "interval": [interval["low"], interval["high"]] if interval else None,
                    "nll": numbers["nll"] if _is_number(numbers.get("nll")) else None,
                }
            )
    return found


def _role(numbers: Mapping[str, Any], openings: int) -> str:
    """What a split is by now: the result has what it was before it was measured."""
    role = str(numbers.get("role", ""))[:_LONGEST_VALUE]
    if role not in ("untouched", "opened before"):
        return role
    own = numbers.get("openings", 0)
    times = max(1, openings, int(own) if _is_number(own) else 0)
    return "opened once" if times == 1 else f"opened {times:,} times"


def _interval(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    low, high = value.get("low"), value.get("high")
    return {"low": low, "high": high} if _is_number(low) and _is_number(high) else {}


def _sentence(text: str) -> str:
    return str(_object(text).get("error", ""))[:1000]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise RunError(f"a file of the run is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RunError("a file of the run is not what a training writes")
    return found


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) < _LARGEST  # NaN is not


def _pairs(found: Mapping[str, tuple[Any, Any]]) -> list[dict[str, str]]:
    return [
        {"name": name, "first": _short(pair[0]), "second": _short(pair[1])}
        for name, pair in found.items()
    ]


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
