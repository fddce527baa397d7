"""A process that trains one run after the other; `worker_pool` starts it.

Orders come in and news go out as lines of JSON. While a run is trained, anything to read means
stop: an order to, or the end of the process that gives them.
"""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.shared import open_shared
from kenspeckle.errors import KenspeckleError
from kenspeckle.events import Ended, Started
from kenspeckle.run_folder import CONFIG, Run
from kenspeckle.runs import resuming, training
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch

_INPUT = 0  # the descriptor of stdin, read without a buffer so that select sees all there is
_OFTEN = 0.5  # seconds between two lines of news


def main() -> None:
    """Do what is ordered until there are no more orders."""
    orders = _Orders()
    setup = orders.next()
    if setup is None:
        return
    dataset = open_shared(setup["shared"]) if setup["shared"] else None
    _say({"ready": True})
    while order := orders.next():
        if "stop" in order:
            return
        try:
            _train(order, dataset)
        except KenspeckleError as error:
            _say({"failed": " ".join(str(error).split())})


def _train(order: dict[str, Any], dataset: Dataset | None) -> None:
    """Train a run to its end, or until there is something to read; go on with one that began."""
    path = Path(order["run"])
    if Run(path).is_finished:  # by a process that died before it could say so
        _say({"ended": "finished", "seconds": 0.0})
        return
    if (path / CONFIG).is_file():
        events = resuming(path, dataset=dataset, stop=_is_told)
    else:
        settings = config.loads(RunConfig, order["settings"])
        events = training(settings, out=path, dataset=dataset, stop=_is_told)
    said, began = 0.0, 0
    for event in events:
        if isinstance(event, Started):
            began = event.step
        elif isinstance(event, Epoch) and time.monotonic() - said > _OFTEN:
            said = time.monotonic()
            _say({"began": began, "step": event.step, "steps": event.total_steps})
        elif isinstance(event, Ended):
            _say({"ended": event.state, "seconds": event.train_seconds})


def _is_told() -> bool:
    return bool(select.select([_INPUT], [], [], 0)[0])


class _Orders:
    """Lines from stdin; None at its end."""

    def __init__(self) -> None:
        self._received = b""

    def next(self) -> dict[str, Any] | None:
        while b"\n" not in self._received:
            chunk = os.read(_INPUT, 1 << 16)
            if not chunk:
                return None
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        order: dict[str, Any] = json.loads(line)
        return order


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
