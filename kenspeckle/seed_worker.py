"""A process that trains runs, one after the other or in step; `worker_pool` starts it.

Orders come in and news go out as lines of JSON. While a run is trained, anything to read means
stop: an order to, or the end of the process that gives them.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.shared import open_shared
from kenspeckle.errors import KenspeckleError
from kenspeckle.events import Ended, Event, Started
from kenspeckle.run_folder import CONFIG, Run
from kenspeckle.runs import resuming, training
from kenspeckle.settings import RunConfig
from kenspeckle.stacking.lockstep import Lockstep
from kenspeckle.training import Epoch, Loop, Waiting

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
        _train(order["runs"], dataset, orders.wait)


def _train(orders: list[dict[str, Any]], dataset: Dataset | None, stop: Callable[[], bool]) -> None:
    """Train runs to their ends, or until `stop()`; go on with those that began.

    Several learn in step.
    """
    lockstep = Lockstep(len(orders)) if len(orders) > 1 else None
    going = {}
    for place, order in enumerate(orders):
        loop = partial(lockstep.fit, place) if lockstep else None
        going[place] = _news(place, order, partial(_events, dataset=dataset, stop=stop, loop=loop))
    while going:
        for place, news in list(going.items()):
            if next(news, None) is None:
                del going[place]
                if lockstep:
                    lockstep.leave(place)


def _news(
    place: int, order: dict[str, Any], events: Callable[[Path, str], Iterator[Event]]
) -> Iterator[Waiting]:
    """Train a run, and tell of it; stop only where it waits for others."""
    path, said, began = Path(order["run"]), 0.0, 0
    if Run(path).is_finished:  # by a process that died before it could say so
        _say({"place": place, "ended": "finished", "seconds": 0.0})
        return
    try:
        for event in events(path, order["settings"]):
            if isinstance(event, Waiting):
                yield event
            elif isinstance(event, Started):
                began = event.step
            elif isinstance(event, Epoch) and time.monotonic() - said > _OFTEN:
                said = time.monotonic()
                step = {"began": began, "step": event.step, "steps": event.total_steps}
                _say({"place": place, **step})
            elif isinstance(event, Ended):
                seconds = event.train_seconds
                _say({"place": place, "ended": event.state, "seconds": seconds})
    except KenspeckleError as error:
        _say({"place": place, "failed": " ".join(str(error).split())})


def _events(
    path: Path,
    settings: str,
    *,
    dataset: Dataset | None,
    stop: Callable[[], bool],
    loop: Loop | None,
) -> Iterator[Event]:
    if (path / CONFIG).is_file():
        return resuming(path, dataset=dataset, stop=stop, loop=loop)
    asked = config.loads(RunConfig, settings)
    return training(asked, out=path, dataset=dataset, stop=stop, loop=loop)


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

    def wait(self) -> bool:
        """Whether there is another, or their end; it may have come in one piece with the last."""
        return bool(self._received or select.select([_INPUT], [], [], 0)[0])


def _say(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
