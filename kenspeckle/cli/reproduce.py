"""`ken reproduce`: the experiments of the seed documents, headline beside ours."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kenspeckle.cli.output import console, print_json
from kenspeckle.pages.text import duration

if TYPE_CHECKING:
    from kenspeckle.experiments.series import Began


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

    The exit code is 1 where a result misses what was asked for.

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
    from kenspeckle.experiments.catalog import EXPERIMENTS
    from kenspeckle.experiments.plan import Plan
    from kenspeckle.experiments.record import PAGE
    from kenspeckle.experiments.series import Began, Recorded, carry_out

    screen = console(quiet=json)
    if seeds < 1:
        raise ConfigError(f"--seeds must be at least 1, got {seeds}")
    if all and names:
        raise ConfigError("--all and names exclude each other; give one of them")
    if not (all or names):
        screen.print(_listing(EXPERIMENTS))
        return 0
    chosen = list(EXPERIMENTS if all else dict.fromkeys(names))
    ended: list[Recorded] = []
    with TemporaryDirectory(prefix="kenspeckle-") as folder:
        plan = Plan(
            out=Path(folder),
            quick=quick,
            seeds=seeds,
            data=data,
            settings=set,
            say=lambda text: screen.print(f"  {text}", style="dim"),
        )
        for event in carry_out(chosen, plan, record=out):
            if isinstance(event, Began):
                screen.print(_heading(event))
            else:
                ended.append(event)
                screen.print(_result(event.entry))
    screen.print(f"wrote {out / PAGE}")
    if json:
        document = ended[-1].document
        shown = [item for item in document["experiments"] if item["name"] in chosen]
        print_json({**document, "experiments": shown, "page": str(out / PAGE)})
    return 1 if any(event.missed for event in ended) else 0


def _heading(event: Began) -> str:
    left = event.seconds_left
    line = f"[bold]{event.name}[/bold] ({event.number} of {event.count})"
    return line if left is None else f"{line}, about {duration(left)} left for all"


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
    from kenspeckle.pages.reproduction import interval, quantity, target

    if entry["skipped"]:
        return Text(f"  skipped: {entry['skipped']}", style="yellow")
    table = Table(box=None, show_header=False, padding=(0, 2), pad_edge=True)
    for row in entry["quantities"]:
        asked = Text(target(row), style="green" if row["met"] else "red")
        says = f"document: {row['headline']}" if row["headline"] else ""
        table.add_row(row["name"], Text(quantity(row), style="bold"), interval(row), says, asked)
    return table
