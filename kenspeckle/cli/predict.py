"""`ken predict`: what a model says of pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.table import Table
from rich.text import Text

import kenspeckle as ks
from kenspeckle.cli.output import console, print_json
from kenspeckle.data.listing import printable
from kenspeckle.prediction import left_out


def predict(
    run: Path,
    /,
    *images: str,
    show: Path | None = None,
    json: bool = False,
) -> int:
    """Name what is in pictures: PNG, JPEG, GIF, BMP, WebP or TIFF, folders of them, or globs.

    Parameters
    ----------
    run
        a finished run folder, a model.safetensors, or an exported model.onnx
    images
        picture files, folders or globs
    show
        write a PNG with each picture, what the network saw of it, and the answer
    json
        print one JSON document as the last line
    """
    if not images:
        raise ks.KenspeckleError("no pictures given; name files, folders or globs after the run")
    predictions = _predictions(run, images)
    console(quiet=json).print(_table(predictions))
    unused = left_out(images)
    if unused:
        reasons = Counter(unused.values()).most_common()
        listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        console(quiet=json).print(f"note: {_files(len(unused))} not used: {listed}", style="yellow")
    if show:
        from kenspeckle.pages.sheet import write_sheet

        write_sheet(show, predictions)
        console(quiet=json).print(f"wrote {show}")
    if json:
        excluded = [{"path": str(path), "reason": reason} for path, reason in unused.items()]
        documents = [_document(prediction) for prediction in predictions]
        print_json({"predictions": documents, "excluded": excluded})
    return 1 if any(prediction.error for prediction in predictions) else 0


def _predictions(run: Path, images: tuple[str, ...]) -> list[ks.Prediction]:
    if run.suffix == ".onnx" and not run.is_dir():
        from kenspeckle.onnx_model import load_onnx, predict_onnx  # without torch: starts at once

        return predict_onnx(load_onnx(run), images)
    return ks.predict(ks.load(ks.open_run(run).model_file if run.is_dir() else run), images)


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{count:,} files are"


def _table(predictions: list[ks.Prediction]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("picture", "label", "probability", "runner-up", ""):
        numeric = title in ("probability", "")
        table.add_column(title, justify="right" if numeric else "left", overflow="fold")
    for item in predictions:
        if item.error:
            table.add_row(
                Text(printable(item.path)), Text(f"error: {printable(item.error)}", style="red")
            )
        else:
            table.add_row(
                Text(printable(item.path)),
                Text(
                    item.label if item.value is None else f"{item.label} ({item.value:.2f})",
                    style="bold",
                ),
                f"{item.probability:.1%}",
                Text(item.runner_up),
                f"{item.runner_up_probability:.1%}",
            )
    return table


def _document(item: ks.Prediction) -> dict[str, object]:
    return {
        "path": item.path,
        "label": item.label or None,
        "probability": None if item.error else item.probability,
        "value": item.value,
        "runner_up": item.runner_up or None,
        "runner_up_probability": None if item.error else item.runner_up_probability,
        "error": item.error or None,
    }
