"""Several experiments one after another, each recorded as soon as it has ended."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kenspeckle.experiments.catalog import find_experiment, reproduce
from kenspeckle.experiments.plan import Plan
from kenspeckle.experiments.record import write_record


@dataclass(frozen=True, kw_only=True)
class Began:
    """An experiment is next."""

    name: str
    number: int  # from 1
    count: int  # of experiments in the series
    seconds_left: float | None  # about, for all that are left; None where nothing tells yet


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An experiment has ended and is in the record."""

    entry: dict[str, Any]  # what the record says of it
    document: dict[str, Any]  # the whole record

    @property
    def missed(self) -> bool:
        """Whether a quantity misses what was asked for."""
        return any(quantity["met"] is False for quantity in self.entry["quantities"])


def carry_out(names: Collection[str], plan: Plan, *, record: Path) -> Iterator[Began | Recorded]:
    """Carry out the experiments `names` and put each into the record in the folder `record`.

    Their runs go into folders below `plan.out` and are removed with them. Raises `ConfigError`
    for an unknown name before any has begun.
    """
    usual = {name: find_experiment(name).seconds for name in names}
    began, done = time.perf_counter(), 0
    for number, name in enumerate(names, start=1):
        left = None
        if done and not plan.quick:
            left = (sum(usual.values()) - done) * (time.perf_counter() - began) / done
        yield Began(name=name, number=number, count=len(names), seconds_left=left)
        with TemporaryDirectory(prefix=f"{name}-", dir=plan.out) as folder:
            found = reproduce(name, replace(plan, out=Path(folder)))
        document = write_record(record, found)
        done += usual[name]
        entry = next(item for item in document["experiments"] if item["name"] == name)
        yield Recorded(entry=entry, document=document)
