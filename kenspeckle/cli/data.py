"""`ken data`: what is in a data set, and what looks wrong."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.signals import DECODED, StopOnSignal, advising
from kenspeckle.views.preparation import PreparationView

if TYPE_CHECKING:
    from kenspeckle.diagnosis.inspection import Inspection

SHOWN = 20  # classes in the table; the JSON document has all


def data(
    source: str,
    /,
    *,
    recipe: str = "",
    set: tuple[str, ...] = (),
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Tell what is in a data set, what looks wrong, and what is done about each finding.

    Parameters
    ----------
    source
        a name such as mnist, or a path: pictures in folders, an archive, a table, IDX, ...
    recipe
        whose size and augmentation the sheets show [as `ken train` would choose]
    set
        one setting, such as data.label=first-character; may be given again
    out
        the folder for contact-sheet.png, augmented.png and mean.png [data-SOURCE]
    json
        print one JSON document as the last line
    """
    screen = console(quiet=json)
    with (
        advising(lambda: DECODED),
        StopOnSignal() as stop,
        closing(PreparationView(screen)) as view,
    ):
        inspect_data = ks.inspect_data  # which loads torch
        stop.loaded()
        progress = stop.hearing(view.working)
        survey = inspect_data(source, recipe=recipe, settings=set, out=out, progress=progress)
    found = survey.inspection
    screen.print(_headline(found))
    screen.print(_classes(found))
    for line in _facts(found):
        screen.print(Text(line))
    for finding in found.findings:
        style = "yellow" if finding.is_fault else "dim"
        screen.print(Text(f"- {finding.name}", style=style), Text(finding.evidence, style="dim"))
        screen.print(Text(f"  {finding.advice}"))
    screen.print(f"written: {', '.join(map(str, survey.files))}")
    if json:
        print_json(_document(found, survey.files))


def _headline(found: Inspection) -> str:
    height, width, channels = found.size
    colour = "grey" if channels == 1 else "colour"
    return (
        f"[bold]{found.source}[/bold]: {found.items:,} pictures in {len(found.class_names):,} "
        f"classes, used as {height} x {width} in {colour}"
    )


def _classes(found: Inspection) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, show_footer=True)
    table.add_column("class", footer="all")
    totals = {split: sum(counts.values()) for split, counts in found.counts.items()}
    for split, total in totals.items():
        table.add_column(split, justify="right", footer=f"{total:,}")
    table.add_column("", style="blue")
    most = max(sum(found.counts[split][name] for split in totals) for name in found.class_names)
    for name in found.class_names[:SHOWN]:
        counts = [found.counts[split][name] for split in totals]
        bar = "█" * max(1, round(24 * sum(counts) / most))
        table.add_row(Text(name), *(f"{count:,}" for count in counts), bar)
    rest = len(found.class_names) - SHOWN
    if rest > 0:
        table.add_row(f"and {rest:,} more")
    return table


def _facts(found: Inspection) -> list[str]:
    lines = []
    if found.widths and found.heights:
        low, middle, high = found.widths
        lines.append(
            f"width {low:,} to {high:,} pixels (median {middle:,}), height {found.heights[0]:,} "
            f"to {found.heights[2]:,} (median {found.heights[1]:,})"
        )
    for title, counts in (("formats", found.formats), ("modes", found.modes)):
        if counts:
            lines.append(f"{title}: " + ", ".join(f"{name} {n:,}" for name, n in counts.items()))
    lines.append(f"largest class over smallest: {found.imbalance:.1f}")
    return lines


def _document(found: Inspection, files: Sequence[Path]) -> dict[str, object]:
    return {
        "source": found.source,
        "items": found.items,
        "size": list(found.size),
        "classes": list(found.class_names),
        "splits": found.counts,
        "excluded": [
            {"path": item.name, "reason": item.reason, "detail": item.detail}
            for item in found.excluded
        ],
        "duplicates": {
            "exact": [[found.names[item] for item in group] for group in found.duplicates.exact],
            "near": [[found.names[item] for item in group] for group in found.duplicates.near],
        },
        "widths": found.widths,
        "heights": found.heights,
        "formats": found.formats,
        "modes": found.modes,
        "notes": found.notes,
        "imbalance": found.imbalance,
        "findings": [
            {"name": item.name, "evidence": item.evidence, "advice": item.advice}
            for item in found.findings
        ],
        "files": [str(path) for path in files],
    }
