"""A Run: the folder in which everything that trains ends, and from which all else starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kenspeckle import config
from kenspeckle.errors import RunError
from kenspeckle.run_documents import ENVIRONMENT as ENVIRONMENT
from kenspeckle.run_documents import EPOCHS as EPOCHS
from kenspeckle.run_documents import FAILURE as FAILURE
from kenspeckle.run_documents import LEDGER as LEDGER
from kenspeckle.run_documents import RESULT as RESULT
from kenspeckle.run_documents import read_document, read_lines
from kenspeckle.run_files import CONFIG as CONFIG
from kenspeckle.run_files import MODEL as MODEL
from kenspeckle.run_files import existing, require_run
from kenspeckle.runlog import LOCK
from kenspeckle.settings import RunConfig
from kenspeckle.storage import intended, lock

FOLDS, CHECKPOINTS = "folds.jsonl", "checkpoints"
TENSORBOARD = "tensorboard"
# what is written first; without the last of them the folder is no run yet
_BEGINNING = (LOCK, ENVIRONMENT, LEDGER, CONFIG)


@dataclass(frozen=True)
class Run:
    """A run folder by its path; everything is read from the files when it is asked for."""

    path: Path  # as the user gave it

    @property
    def name(self) -> str:
        """The name of the folder, also where the path is "." or a link."""
        return self.path.resolve().name

    @property
    def log_folder(self) -> Path:
        """The folder around it, which holds the run log."""
        return self.path.resolve().parent

    @property
    def config(self) -> RunConfig:
        """The complete configuration."""
        return config.load(RunConfig, self.path / CONFIG)

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, device, precision, threads, seed and data fingerprint."""
        return self._json(ENVIRONMENT)

    @property
    def ledger(self) -> dict[str, Any]:
        """The state of every item and the class map."""
        return self._json(LEDGER)

    @property
    def result(self) -> dict[str, Any]:
        """The measured numbers by split; raises `RunError` before the run is finished."""
        return self._json(RESULT)

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """One record for each finished epoch; raises `RunError` before the first."""
        path = self.path / EPOCHS
        if not path.is_file():
            raise RunError(
                f"{self.path}: no epoch is finished here (missing {EPOCHS}); "
                f"go on with `ken train --resume {self.path}`"
            )
        return read_lines(path)

    @property
    def model_file(self) -> Path:
        """The portable model; raises `RunError` before there is one."""
        return self._existing(MODEL)

    @property
    def failure(self) -> str:
        """Why the training broke off with NaN or infinity; "" where it did not."""
        broke_off = not self.is_finished and (self.path / FAILURE).is_file()
        return str(self._json(FAILURE)["error"]) if broke_off else ""

    @property
    def is_finished(self) -> bool:
        """Whether training and its validation are done."""
        return (self.path / RESULT).is_file()

    def epoch_model(self, epoch: int) -> Path:
        """The model of an epoch, from 1; raises `RunError` where it was not kept."""
        path = self.epoch_model_path(epoch)
        if not path.is_file():
            kept = [int(file.stem.rpartition("-")[2]) for file in sorted(path.parent.glob("*-*"))]
            raise RunError(
                f"{self.path}: no model of epoch {epoch} was kept "
                f"(kept: {', '.join(map(str, kept)) or 'none'}); "
                "train with --set train.keep_models=1 to keep every one"
            )
        return path

    def epoch_model_path(self, epoch: int) -> Path:
        """Where the model of an epoch, from 1, is kept if `train.keep_models` asks for it."""
        return self.path / "models" / f"epoch-{epoch:04d}.safetensors"

    def predictions_file(self, split: str) -> Path:
        """Where the predictions of a split are kept."""
        return self.path / f"predictions-{split}.npz"

    def _json(self, name: str) -> dict[str, Any]:
        return read_document(self._existing(name))

    def _existing(self, name: str) -> Path:
        return existing(self.path, name)


def open_run(path: str | Path) -> Run:
    """The run in a folder; raise `RunError` where there is none."""
    run = Run(Path(path))
    require_run(run.path, called=path)
    return run


def refuse_taken(folder: Path) -> None:
    """Raise `RunError` where `folder` holds a run, or anything but the beginning of one."""
    if folder.is_dir():
        refuse_foreign(folder)
    if (folder / CONFIG).exists():
        with lock(folder / LOCK, "training"):  # who is training there is told first
            refuse_run(folder)


def refuse_run(folder: Path) -> None:
    """Raise `RunError` where `folder` holds a run."""
    if (folder / CONFIG).exists():
        raise RunError(
            f"{folder}: there is a run here already; choose another --out "
            f"or go on with it by `ken train --resume {folder}`"
        )


def refuse_foreign(folder: Path) -> None:
    """Raise `RunError` where `folder` holds anything but a run or the beginning of one."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RunError(f"{folder}: cannot be read: {error.strerror}") from error
    foreign = [name for name in names if intended(name) not in _BEGINNING]
    if foreign and CONFIG not in names:
        raise RunError(
            f"{folder}: not empty and no run ({foreign[0]} is in it); choose another --out"
        )
