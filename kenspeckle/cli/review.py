"""`ken diagnose --review`: mislabelled items, listed, applied and undone."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.cli.output import console, print_json
from kenspeckle.errors import ConfigError


def reviewed(
    target: str,
    file: Path | None,
    recipe: str,
    settings: tuple[str, ...],
    *,
    apply: bool,
    undo: bool,
    json: bool,
) -> None:
    """Do what was asked for with the review `file`, and say so."""
    if file is None:
        raise ConfigError("--apply and --undo need the reviewed file; add --review FILE")
    if apply and undo:
        raise ConfigError("--apply and --undo exclude each other; give one of them")
    from kenspeckle.relabelling import apply_review, undo_review, write_review

    if apply:
        made = apply_review(target, file, settings=settings)
        words = f"{made.items:,} labels are corrected in {made.file}; train with {made.advice}"
    elif undo:
        made = undo_review(target, file)
        words = f"{made.items:,} corrections are left in {made.file}; {made.advice}"
    else:
        made = write_review(target, file, recipe=recipe, settings=settings)
        words = f"{made.items:,} of {made.of:,} labels may be wrong: {made.file}; {made.advice}"
    console(quiet=json).print(words, markup=False)
    if json:
        document = {"file": str(made.file), "items": made.items, "of": made.of}
        print_json({**document, "advice": made.advice})
