"""`ken report`: one page about a finished run."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json


def report(run: Path, /, *, json: bool = False) -> None:
    """Write report.html into a run: all that is known of it on one page that needs nothing else.

    The page is about the test split if `ken evaluate` opened it, else about validation; it opens
    nothing itself.

    Parameters
    ----------
    run
        a finished run folder
    json
        print one JSON document as the last line
    """
    page = ks.report(run)
    console(quiet=json).print(Text(f"wrote {page}"))
    if json:
        print_json({"run": str(run), "page": str(page), "bytes": page.stat().st_size})
