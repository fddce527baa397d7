"""`ken runs`: the leaderboard. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from kenspeckle import leaderboard, runlog, storage
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.run_tables import difference_line, difference_table, group_table, run_table
from kenspeckle.errors import ConfigError
from kenspeckle.runlog import LogRow

if TYPE_CHECKING:
    from kenspeckle.mlflow_runs import LoggedRun


def runs(
    folder: Path = Path("runs"),
    /,
    *,
    where: tuple[str, ...] = (),
    sort: str = "",
    group: bool = False,
    diff: tuple[Path, Path] | None = None,
    mark: tuple[str, ...] = (),
    csv: Path | None = None,
    to_mlflow: str = "",
    json: bool = False,
) -> None:
    """List all runs of a folder, best validation accuracy first.

    Parameters
    ----------
    folder
        where the run folders and log.sqlite are [runs]
    where
        only runs of which this holds, such as accuracy>0.99 or recipe==swift; may be given again
    sort
        by a column, smallest first, or largest first as seconds:down [accuracy:down]
    group
        finished runs by source and recipe, with mean and deviation over seeds
    diff
        two runs: their settings that differ, and how far their results do
    mark
        RUN=WORD notes a word beside a run, RUN= takes it away; may be given again
    csv
        write the runs that are listed into this file
    to_mlflow
        log the runs that are listed at the MLflow server of this URL
    json
        print one JSON document as the last line
    """
    screen = console(quiet=json)
    if diff:
        others = {
            "--where": where,
            "--sort": sort,
            "--group": group,
            "--mark": mark,
            "--csv": csv,
            "--to-mlflow": to_mlflow,
        }
        if given := [name for name, value in others.items() if value]:
            raise ConfigError(f"--diff is about two runs alone; leave out {', '.join(given)}")
        _differ(folder, diff, screen=screen, json=json)
        return
    for text in mark:
        run, separator, word = text.rpartition("=")
        if not separator or not run:
            raise ConfigError(f"expected RUN=WORD, or RUN= for none, got {text!r}")
        runlog.mark(folder, run, word)
    conditions = [leaderboard.condition(text) for text in where]
    rows = leaderboard.select(runlog.rows(folder), conditions)
    if sort:
        rows = leaderboard.ordered(rows, sort)
    groups = leaderboard.grouped(rows) if group else []
    screen.print(group_table(groups) if group else run_table(rows))
    if group and (left := len(rows) - sum(each.runs for each in groups)):
        screen.print(f"{left} runs that are not finished are left out", style="yellow")
    if csv:
        storage.write_file(csv, leaderboard.as_csv(rows).encode())
        screen.print(Text(f"wrote {csv}"))
    logged = _log(folder, rows, to_mlflow, screen=screen) if to_mlflow else []
    if json:
        document: dict[str, object] = {"runs": [asdict(row) for row in rows]}
        document |= {"groups": [asdict(each) for each in groups]} if group else {}
        document |= {"mlflow": [asdict(each) for each in logged]} if to_mlflow else {}
        print_json(document)


def _log(folder: Path, rows: Sequence[LogRow], url: str, *, screen: Console) -> list[LoggedRun]:
    from kenspeckle.mlflow_runs import log_runs

    ended = [row for row in rows if row.status != "training"]
    for row in rows:
        if row.status == "training":
            screen.print(Text(f"{row.run} is still training and left out"), style="yellow")
    statuses = {row.run: row.status for row in ended}
    found = []
    for logged in log_runs([folder / row.run for row in ended], url, statuses=statuses):
        found.append(logged)
        how = "logged" if logged.is_new else "brought up to date"
        screen.print(Text(f"{logged.run} {how} as {logged.mlflow_id}"))
    return found


def _differ(folder: Path, pair: tuple[Path, Path], *, screen: Console, json: bool) -> None:
    from kenspeckle.run_difference import compare_runs

    # a path, or a name in the folder
    first, second = (run if run.is_dir() else folder / run for run in pair)
    found = compare_runs(first, second)
    screen.print(difference_table(found))
    for result in found.results:
        screen.print(difference_line(result))
    if not found.settings:
        screen.print("no setting differs")
    if json:
        print_json({**asdict(found), "runs": [str(run) for run in found.runs]})
