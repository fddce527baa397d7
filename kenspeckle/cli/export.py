"""`ken export`: a run as one file that other programs can use."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json
from kenspeckle.data.listing import printable
from kenspeckle.run_files import MODEL, existing

SHOWN = 10  # disagreements


def export(
    run: Path,
    source: str = "",
    /,
    *,
    to: Literal["onnx", "pt2"] = "onnx",
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Write a run as one file, preprocessing and all, after proving that it answers alike.

    Parameters
    ----------
    run
        a finished run folder
    source
        other pictures to prove it on [those of the run]
    to
        the format [onnx]
    out
        the file to write [model.onnx or model.pt2 in the run]
    json
        print one JSON document as the last line
    """
    from kenspeckle.serving.own_server import own_server

    screen = console(quiet=json)
    path = ks.open_run(run).path
    existing(path, MODEL)  # the server would say so too, but as its own trouble
    with own_server(path) as served:
        paths = {"server": served}
        made = ks.export(run, to=to, out=out, source=source or None, paths=paths)
    screen.print(_table(made))
    for found in made.parity.disagreements[:SHOWN]:
        line = f"{printable(found.picture)}: {found.path} says {found.label}, not {found.expected}"
        screen.print(Text(line, style="yellow"))
    rest = len(made.parity.disagreements) - SHOWN
    if rest > 0:
        screen.print(f"and {rest:,} more pictures whose labels differ; --json has all")
    for reason in made.parity.unusable:
        screen.print(Text(f"note: not compared: {printable(reason)}", style="yellow"))
    if made.note:
        screen.print(Text(f"note: {made.note}", style="yellow"), soft_wrap=True)
    difference = f"largest difference of a probability {made.parity.max_difference:.2g}"
    labels = f"{len(made.parity.disagreements)} labels differ"
    screen.print(f"wrote {made.path} ({made.size:,} bytes): {difference}, {labels}")
    if json:
        print_json(_document(made))


def _table(made: ks.Export) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("answers of", "compared with", "pictures", "largest difference"):
        table.add_column(title, justify="left" if title.startswith(("a", "c")) else "right")
    for path in made.parity.paths:
        table.add_row(path.name, path.against, f"{path.compared:,}", f"{path.max_difference:.2g}")
    return table


def _document(made: ks.Export) -> dict[str, object]:
    return {
        "path": str(made.path),
        "size": made.size,
        "note": made.note or None,
        "max_difference": made.parity.max_difference,
        "disagreements": [asdict(found) for found in made.parity.disagreements],
        "split": made.parity.split,
        "pictures": made.parity.pictures,
        "unusable": list(made.parity.unusable),
        "paths": [asdict(path) for path in made.parity.paths],
    }
