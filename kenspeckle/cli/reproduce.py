"""`ken reproduce`: the experiments of the seed documents, headline beside ours."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table
from rich.text import Text

from kenspeckle.cli.output import console, print_json
from kenspeckle.report.text import duration


def reproduce(
    *names: str,
    all: bool = False,
    quick: bool = False,
    seeds: int = 3,
    data: str = "",
    set: tuple[str, ...] = (),
    out: Path = Path("reproduction"),
    json: bool = False,
) -> int:
    """Carry out experiments of the seed documents; without a name, list them.

    Parameters
    ----------
    names
        experiments
    all
        every experiment
    quick
        a few steps on few pictures: shows that all works, measures nothing
    seeds
        how many, where a run takes less than five minutes [3]
    data
        a CIFAR-10 archive or folder, for vgg-cifar, mean-image and bias-variance
    set
        one setting for every training, such as threads=1; may be given again
    out
        the folder of the page, the JSON document and the pictures [reproduction]
    json
        print one JSON document as the last line
    """
    from kenspeckle.errors import ConfigError
    from kenspeckle.experiments.catalog import EXPERIMENTS, find_experiment
    from kenspeckle.experiments.catalog import reproduce as carry_out
    from kenspeckle.experiments.plan import Plan
    from kenspeckle.experiments.record import PAGE, write_record

    screen = console(quiet=json)
    if seeds < 1:
        raise ConfigError(f"--seeds must be at least 1, got {seeds}")
    if all and names:
        raise ConfigError("--all and names exclude each other; give one of them")
    if not (all or names):
        screen.print(_listing(EXPERIMENTS))
        return 0
    chosen = list(EXPERIMENTS) if all else list(dict.fromkeys(names))
    for name in chosen:
        find_experiment(name)
    document: dict[str, Any] = {}
    began, done = time.perf_counter(), 0
    expected = sum(EXPERIMENTS[name].seconds for name in chosen)
    for number, name in enumerate(chosen, start=1):
        line = f"[bold]{name}[/bold] ({number} of {len(chosen)})"
        if done and not quick:
            left = (expected - done) * (time.perf_counter() - began) / done
            line += f", about {duration(left)} left for all"
        screen.print(line)
        with TemporaryDirectory(prefix="kenspeckle-") as folder:
            plan = Plan(
                out=Path(folder),
                quick=quick,
                seeds=seeds,
                data=data,
                settings=set,
                say=lambda text: screen.print(f"  {text}", style="dim"),
            )
            found = carry_out(name, plan)
        document = write_record(out, found)
        done += EXPERIMENTS[name].seconds
        entry = next(item for item in document["experiments"] if item["name"] == name)
        screen.print(_result(entry))
    screen.print(f"wrote {out / PAGE}")
    if json:
        shown = [item for item in document["experiments"] if item["name"] in chosen]
        print_json({**document, "experiments": shown, "page": str(out / PAGE)})
    missed = [row for item in document["experiments"] for row in item["quantities"] if
              item["name"] in chosen and row["met"] is False]  # fmt: skip
    return 1 if missed else 0


def _listing(experiments: Any) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("experiment", "document", "section", "headline", "about"):
        table.add_column(title)
    for name, item in experiments.items():
        table.add_row(
            name, item.document, item.section, Text(item.headline), duration(item.seconds)
        )
    return table


def _result(entry: dict[str, Any]) -> Table | Text:
    from kenspeckle.report.reproduction import interval, quantity, target

    if entry["skipped"]:
        return Text(f"  skipped: {entry['skipped']}", style="yellow")
    table = Table(box=None, show_header=False, padding=(0, 2), pad_edge=True)
    for row in entry["quantities"]:
        asked = Text(target(row), style="green" if row["met"] else "red")
        says = f"document: {row['headline']}" if row["headline"] else ""
        table.add_row(row["name"], Text(quantity(row), style="bold"), interval(row), says, asked)
    return table
