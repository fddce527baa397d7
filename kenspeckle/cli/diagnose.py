"""`ken diagnose`: what is wrong with a run, or with a source before training."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json
from kenspeckle.cli.review import reviewed


def diagnose(
    target: str,
    /,
    *,
    recipe: str = "",
    set: tuple[str, ...] = (),
    learning_curve: bool = False,
    review: Path | None = None,
    apply: bool = False,
    undo: bool = False,
    json: bool = False,
) -> None:
    """Name what is wrong with a run, or with a source before training; the root cause first.

    Parameters
    ----------
    target
        a run folder, or a source as for `ken train`
    recipe
        with a source, the recipe to examine [as `ken train` would choose]
    set
        with a source, one setting, such as optimizer.rate=0.1; may be given again
    learning_curve
        also train on parts of the pictures, to tell what more of them would bring
    review
        instead, write a CSV of items whose label is probably wrong, to be looked at
    apply
        keep what is left in its column `correct`, in a file beside the source
    undo
        take that out of the file beside the source again
    json
        print one JSON document as the last line
    """
    if review or apply or undo:
        reviewed(target, review, recipe, set, apply=apply, undo=undo, json=json)
        return
    screen = console(quiet=json)
    found = ks.diagnose(target, recipe=recipe, settings=set, learning_curve=learning_curve)
    nothing = "" if found.faults else ": nothing is wrong that could be measured"
    screen.print(Text(f"{found.about}{nothing}", style="bold"))
    for item in found.findings:
        screen.print(Text(f"- {item.name}", style="yellow" if item.is_fault else "dim"))
        screen.print(Text(f"  {item.evidence}", style="dim"))
        screen.print(Text(f"  {item.why}\n  {item.advice}"))
    screen.print(Text("\n".join(found.notes), style="dim"))
    keys = ("name", "evidence", "why", "advice")
    findings = [{key: getattr(item, key) for key in keys} for item in found.faults]
    if json:
        print_json({"about": found.about, "findings": findings, "notes": list(found.notes)})
