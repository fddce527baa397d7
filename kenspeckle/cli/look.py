"""`ken look`: inside a network."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.layer_table import layer_table
from kenspeckle.cli.output import console, print_json

FOLDER = "look"  # in the run


def look(
    model: str,
    /,
    *,
    what: tuple[str, ...] = (),
    layer: str = "",
    image: tuple[Path, ...] = (),
    out: Path | None = None,
    summary: bool = False,
    size: str = "",
    classes: int = 10,
    json: bool = False,
) -> None:
    """Look inside the network of a run: a tour in pictures, one kind of look, or its layers.

    Parameters
    ----------
    model
        a run folder; with --summary also a model file or the name of a network, such as vgg-16
    what
        one kind of look instead of the tour, such as saliency; may be given again, a wrong name
        lists them all
    layer
        a layer by its name in the summary [the one that suits]
    image
        a picture, folder or glob to explain [some pictures of the validation split]
    out
        the folder for the PNG and SVG files [RUN/look]
    summary
        the table of layers
    size
        with --summary, of the pictures as CHANNELSxHEIGHTxWIDTH [1x28x28 or 3x224x224]
    classes
        with --summary, how many there are, for a name [10]
    json
        print one JSON document as the last line
    """
    if summary:
        layer_table(model, size=size, classes=classes, json=json)
        return
    screen = console(quiet=json)
    run = ks.open_run(model)
    folder = out or run.path / FOLDER
    written: list[dict[str, object]] = []
    from kenspeckle.looking import looks, write_look

    def left_out(why: str) -> None:
        screen.print(Text(f"left out: {why}", style="yellow"))

    # what was asked for is shown or refused; a tour leaves out what does not suit
    skipped = None if what else left_out
    for found in looks(run, what=what, layer=layer, images=image, left_out=skipped):
        files = write_look(found, folder)
        record = found.record
        screen.print(Text(record.title, style="bold"))
        screen.print(Text(record.description))
        screen.print(Text("  ".join(map(str, files)), style="dim"))
        written.append(
            {
                "kind": found.kind,
                "title": record.title,
                "description": record.description,
                "files": [str(file) for file in files],
            }
        )
    if json:
        print_json({"run": str(run.path), "looks": written})
