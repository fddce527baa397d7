"""Write the page of a run."""

from __future__ import annotations

from pathlib import Path

from kenspeckle import storage
from kenspeckle.briefing.gather import gather
from kenspeckle.data.dataset import Dataset
from kenspeckle.pages.run_page import run_page
from kenspeckle.run_folder import Run, open_run

PAGE = "report.html"


def report(run: str | Path | Run, *, dataset: Dataset | None = None) -> Path:
    """Write `report.html` into a finished run: all that is known of it, in one file.

    The test split is not opened; if `evaluate` did that, the page is about it. `dataset` is needed
    only where the run was trained on a Dataset made in memory. Raises `RunError` for an unfinished
    run.
    """
    found = run if isinstance(run, Run) else open_run(run)
    page = run_page(gather(found, dataset))
    path = found.path / PAGE
    storage.write_file(path, page.encode())
    return path
