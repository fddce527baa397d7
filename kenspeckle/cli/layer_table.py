"""The table of layers that `ken look --summary` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from kenspeckle.cli.output import console, print_json

if TYPE_CHECKING:
    from kenspeckle.models.summary import ModelSummary


def layer_table(model: str, *, size: str, classes: int, json: bool) -> None:
    """Print the layers of a run, a model file or a network by name."""
    from kenspeckle.errors import ConfigError
    from kenspeckle.models.summary import summarize

    path = Path(model)
    if path.exists():
        import kenspeckle as ks

        classifier = ks.load(ks.open_run(path).model_file if path.is_dir() else path)
        found = summarize(
            classifier.architecture, shape=classifier.shape, outputs=classifier.head.outputs
        )
    else:
        from kenspeckle.models.presets import preset, usual_shape

        shape = _shape(size) if size else usual_shape(model)
        if classes < 1:
            raise ConfigError(f"--classes must be at least 1, got {classes}")
        found = summarize(preset(model), shape=shape, outputs=classes)
    console(quiet=json).print(_table(found))
    if json:
        print_json(_document(model, found))


def _shape(text: str) -> tuple[int, int, int]:
    from kenspeckle.errors import ConfigError

    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and 0 < int(part) <= 4096 for part in parts):
        raise ConfigError(f"--size must be CHANNELSxHEIGHTxWIDTH, such as 3x224x224, got {text!r}")
    channels, height, width = map(int, parts)
    return channels, height, width


def _table(found: ModelSummary) -> Table:
    channels, height, width = found.shape
    table = Table(box=None, header_style="dim", pad_edge=False, show_footer=True)
    table.add_column("layer", footer=f"input {height} x {width} x {channels}")
    table.add_column("kind")
    table.add_column("")
    table.add_column("output", justify="right", footer="in all")
    table.add_column("weights", justify="right", footer=f"{found.weights:,}")
    table.add_column("parameters", justify="right", footer=f"{found.parameters:,}")
    for row in found.rows:
        # maps as height x width x channels, as papers write them
        shape = row.shape if len(row.shape) < 3 else (*row.shape[1:], row.shape[0])
        table.add_row(
            Text(row.name),
            row.kind,
            row.about,
            " x ".join(map(str, shape)),
            f"{row.weights:,}" if row.weights else "",
            f"{row.parameters:,}" if row.parameters else "",
        )
    return table


def _document(model: str, found: ModelSummary) -> dict[str, object]:
    return {
        "model": model,
        "input": list(found.shape),
        "weights": found.weights,
        "parameters": found.parameters,
        "layers": [
            {
                "name": row.name,
                "kind": row.kind,
                "output": list(row.shape),
                "weights": row.weights,
                "parameters": row.parameters,
                "inputs": list(row.inputs),
            }
            for row in found.rows
        ],
    }
