"""`ken diagnose`: what is wrong with a run, or with a source before training."""

from __future__ import annotations

from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json


def diagnose(
    target: str,
    /,
    *,
    recipe: str = "",
    set: tuple[str, ...] = (),
    learning_curve: bool = False,
    json: bool = False,
) -> None:
    """Name what is wrong with a run, or with a source before it is trained on.

    The root cause comes first; what it explains is left out. Nothing is changed.

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
    json
        print one JSON document as the last line
    """
    screen = console(quiet=json)
    found = ks.diagnose(target, recipe=recipe, settings=set, learning_curve=learning_curve)
    screen.print(Text(found.about, style="bold"))
    if not found.faults:
        screen.print("nothing is wrong that could be measured")
    for item in found.findings:
        screen.print(Text(f"- {item.name}", style="yellow" if item.is_fault else "dim"))
        for line in (item.evidence, item.why, item.advice):
            screen.print(Text(f"  {line}", style="dim" if line == item.evidence else ""))
    for line in found.notes:
        screen.print(Text(line, style="dim"))
    if json:
        findings = [
            {"name": item.name, "evidence": item.evidence, "why": item.why, "advice": item.advice}
            for item in found.faults
        ]
        print_json({"about": found.about, "findings": findings, "notes": list(found.notes)})
