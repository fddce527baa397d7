"""Checkpoints: folders `step-00000430` of safetensors and JSON that are whole or not there.

The newest one whose hashes are right is used; where there were some and none is whole, training
stops with an error rather than start again from zero.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from kenspeckle.errors import CheckpointError, StorageError
from kenspeckle.storage import DISK, Disk, read_folder, remove_folder, write_folder

FORMAT = 1
STATE = "state.json"
_NAME = re.compile(r"step-\d{8,}")
_SUFFIX = ".safetensors"

Tensors = Mapping[str, Mapping[str, Tensor]]  # file: name: tensor


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a checkpoint holds."""

    step: int  # updates done
    tensors: Tensors
    state: Mapping[str, Any]  # JSON


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The newest whole checkpoint, and one line for each newer one that had to be passed over."""

    snapshot: Snapshot
    passed_over: tuple[str, ...]


def save(
    folder: Path, snapshot: Snapshot, *, identity: Mapping[str, str], keep: int, disk: Disk = DISK
) -> Path:
    """Write a checkpoint durably, then delete all but the newest `keep`; return its folder.

    `identity` says which configuration and data it belongs to. Raises `StorageError` where it
    cannot be written; the checkpoints before it are then untouched.
    """
    files = {
        name + _SUFFIX: safetensors.torch.save(
            {key: value.contiguous() for key, value in group.items()}
        )
        for name, group in snapshot.tensors.items()
    }
    files[STATE] = json.dumps(snapshot.state, allow_nan=False).encode()
    target = folder / f"step-{snapshot.step:08d}"
    if not target.exists():  # the same step of a deterministic run has the same content
        about = {"format": FORMAT, "step": snapshot.step, "identity": dict(identity)}
        write_folder(target, files, about=about, disk=disk)
    for old in checkpoints(folder)[keep:]:
        remove_folder(old, disk=disk)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """The folders that bear a checkpoint's name, newest first."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def load_newest(folder: Path, *, identity: Mapping[str, str], disk: Disk = DISK) -> Loaded | None:
    """The newest whole checkpoint, or None where none was ever written.

    Damaged ones are renamed `*.damaged` and reported. Raises `CheckpointError` where there are
    some and none can be used, or where one belongs to another configuration or data set.
    """
    candidates = checkpoints(folder)
    passed_over = []
    for path in candidates:
        try:
            snapshot, owner = _read(path)
        except StorageError as error:
            passed_over.append(f"{path.name} is damaged ({error})")
            continue
        if owner != dict(identity):
            different = sorted(key for key in identity if owner.get(key) != identity[key])
            raise CheckpointError(
                f"{path}: belongs to another run (different {', '.join(different)}); "
                "restore the configuration and data that it was trained with"
            )
        for damaged in candidates[: len(passed_over)]:
            _set_aside(damaged, disk)
        return Loaded(snapshot=snapshot, passed_over=tuple(passed_over))
    if candidates or list(folder.glob("step-*.damaged")):
        details = "; ".join(passed_over) or "all were set aside as damaged"
        raise CheckpointError(
            f"{folder}: no checkpoint can be used: {details}; "
            "nothing was changed; restore one from a backup or train anew with another --out"
        )
    return None


def _read(path: Path) -> tuple[Snapshot, dict[str, str]]:
    """One checkpoint and its identity; raise `StorageError` where anything in it is wrong."""
    manifest, files = read_folder(path)
    try:
        owner = dict(manifest["identity"])
        if manifest["format"] != FORMAT:
            raise StorageError(f"{path}: format {manifest['format']}, expected {FORMAT}")
        if path.name != f"step-{manifest['step']:08d}":
            raise StorageError(f"{path}: its manifest is of step {manifest['step']}")
        snapshot = Snapshot(
            step=manifest["step"],
            state=json.loads(files.pop(STATE)),
            tensors={
                name.removesuffix(_SUFFIX): safetensors.torch.load(data)
                for name, data in files.items()
            },
        )
    except (
        KeyError,
        ValueError,
        TypeError,
        RecursionError,
        safetensors.SafetensorError,
    ) as error:
        raise StorageError(f"{path}: incomplete: {error}") from error
    return snapshot, owner


def _set_aside(path: Path, disk: Disk) -> None:
    aside = path.with_name(path.name + ".damaged")
    try:
        if aside.exists():
            disk.remove(aside)
        disk.rename(path, aside)
    except OSError as error:
        raise StorageError(
            f"{path}: damaged, and it cannot be set aside: {error.strerror or error}"
        ) from error
