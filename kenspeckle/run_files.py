"""Which files make a run folder; knowing them needs nothing that computes."""

from __future__ import annotations

from pathlib import Path

from kenspeckle.errors import RunError

CONFIG, MODEL = "config.toml", "model.safetensors"
EXPORTED = (".onnx", ".pt2")  # suffixes of what `ken export` writes


def require_run(path: Path, *, called: str | Path) -> None:
    """Raise `RunError` where there is no run in the folder `path`."""
    if path.suffix in EXPORTED and path.is_file():
        raise RunError(
            f"{called}: an exported model and no run; `ken predict` and `ken serve` take a .onnx "
            "file, everything else takes the folder of the run"
        )
    if not (path / CONFIG).is_file():
        raise RunError(f"{called}: no run here (missing {CONFIG}); start one with `ken train`")


def existing(path: Path, name: str) -> Path:
    """The file `name` of the run in `path`; raise `RunError` before it is there."""
    if not (path / name).is_file():
        raise RunError(
            f"{path}: no finished run here (missing {name}); "
            f"start one with `ken train` or finish it with `ken train --resume {path}`"
        )
    return path / name
