"""Run folders: settings that are paths, documents that are none, links that lead out."""

import io
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from archive_files import Zipped, zipped

from corpus.exploit import Exploit, Room, touching, written

Edit = Callable[[Path, Room], object]
STEER = "\x1b[2J\x1b]0;pwned\x07<script>alert(1)</script>[link=file:///etc/passwd]x[/link]"


def run(name: str, tries: str, edit: Edit, *, kind: str = "run") -> Exploit:
    """A finished run, changed by `edit`."""

    def make(room: Room) -> Path:
        path = room.folder / "runs" / "run"
        shutil.copytree(room.good / "run", path)
        shutil.copy(room.good / "log.sqlite", path.parent)
        found = edit(path, room)
        return found if isinstance(found, Path) else path

    return Exploit(name=f"run: {name}", tries=tries, kind=kind, make=make)


def document(name: str, change: Callable[[dict, Room], object]) -> Edit:
    """A JSON document with something else in it."""

    def edit(path: Path, room: Room) -> None:
        found = json.loads((path / name).read_bytes())
        changed = change(found, room)
        written(path / name, json.dumps(found if changed is None else changed))

    return edit


def file(name: str, data: bytes | str | Callable[[Room], bytes]) -> Edit:
    """A file with other bytes."""
    return lambda path, room: written(path / name, data(room) if callable(data) else data) and None


def setting(old: str, new: Callable[[Room], str]) -> Edit:
    """A line of config.toml in place of another."""

    def edit(path: Path, room: Room) -> None:
        lines = (path / "config.toml").read_text().splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith(f"{old} ="))
        lines[at] = f"{old} = {new(room)}"
        written(path / "config.toml", "\n".join(lines) + "\n")

    return edit


def linked(name: str) -> Edit:
    """A link to the user's file in place of one of the run."""

    def edit(path: Path, room: Room) -> None:
        shutil.rmtree(path / name) if (path / name).is_dir() else (path / name).unlink(True)
        (path / name).symlink_to(room.victim)

    return edit


def _pipe(name: str) -> Edit:
    def edit(path: Path, room: Room) -> None:
        (path / name).unlink(missing_ok=True)
        os.mkfifo(path / name)

    return edit


def _objects(room: Room) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        header += b" " * (117 - len(header)) + b"\n"
        head = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
        for name in ("probabilities", "labels", "class_names", "split"):
            archive.writestr(f"{name}.npy", head + touching(room))
    return buffer.getvalue()


def _huge(room: Room) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824, 2), }"
        header += b" " * (117 - len(header)) + b"\n"
        head = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
        for name in ("probabilities", "labels", "class_names", "split"):
            archive.writestr(f"{name}.npy", head + bytes(64))
    return buffer.getvalue()


def _bomb(room: Room) -> bytes:
    array = io.BytesIO()
    np.save(array, np.zeros((40_000_000, 2), np.float32), allow_pickle=False)
    return zipped(Zipped(name=b"probabilities.npy", content=array.getvalue(), method=8))


def log(statements: str) -> Edit:
    """A run log made by other statements."""

    def edit(path: Path, room: Room) -> Path:
        (path.parent / "log.sqlite").unlink()
        with sqlite3.connect(path.parent / "log.sqlite") as made:
            made.executescript(statements)
        made.close()
        return path.parent

    return edit


COLUMNS = (
    "run, started, source, recipe, seed, status, epochs, train_seconds, validation_accuracy, "
    "validation_n, test_accuracy, test_n, test_openings"
)
ROW = "'2026-01-01', 'mnist', 'swift', 0, 'training', 1, 1.0, 0.5, 10, NULL, 0, 0"


def _linked_log(path: Path, room: Room) -> Path:
    (path.parent / "log.sqlite").unlink()
    (path.parent / "log.sqlite").symlink_to(room.victim)
    return path


def _failed(path: Path, room: Room) -> None:
    (path / "result.json").unlink()
    written(path / "failure.json", "[1]")


EXPLOITS = [
    run("a source that is a path", "a file read", setting("source", lambda r: f'"{r.victim}"')),
    run("a source that is a device", "endless reading", setting("source", lambda r: '"/dev/zero"')),
    run("a source that is an address", "a request", setting(
        "source", lambda r: '"http://169.254.169.254/latest"'
    )),
    run("a start that is a path", "a file read", setting("start", lambda r: f'"{r.victim}"')),
    run("a recipe that is a path", "a folder elsewhere", setting(
        "recipe", lambda r: '"../../../../../../canary"'
    )),
    run("a recipe that steers a terminal", "the screen", setting(
        "recipe", lambda r: json.dumps(STEER)
    )),
    run("a network by module", "an import", setting("name", lambda r: '"kenspeckle_canary.Net"')),
    run("corrections elsewhere", "a file read", setting(
        "corrections", lambda r: f'"{r.victim}"'
    )),
    run("a setting of 4 GB", "an allocation", setting("widths", lambda r: "[1073741824]")),
    run("a batch of 10^18", "an allocation", setting("batch_size", lambda r: str(10**18))),
    run("TOML that is too deep", "the end of the stack", file("config.toml", "a = " + "[" * 9999)),
    run("TOML of 2 MB", "slow parsing", file("config.toml", "a.b.c.d = 1\n" * 180_000)),
    run("a config that is a pickle", "code", file("config.toml", touching)),
    run("a config that is no text", "another encoding", file("config.toml", b"\xff\xfe\0a" * 99)),
    run("data of another type", "another type", file("data.json", "[1, 2]")),
    run("data with hostile names", "the screen and the page", document(
        "data.json", lambda d, r: d.update(class_names=[STEER, "../../canary"])
    )),
    run("data with a fingerprint of another type", "another type", document(
        "data.json", lambda d, r: d.update(fingerprint=["x"])
    )),
    run("data with counts of another type", "another type", document(
        "data.json", lambda d, r: d.update(counts="x")
    )),
    run("an empty ledger", "what is missing", file("data.json", "{}")),
    run("an environment with hostile names", "the screen and the page", document(
        "environment.json", lambda d, r: d.update(device=STEER, commit=STEER, torch=STEER)
    )),
    run("an environment of another type", "another type", file("environment.json", '"x"')),
    run("an empty environment", "what is missing", file("environment.json", "{}")),
    run("a result of another type", "another type", file("result.json", "[]")),
    run("a result with entries of another type", "another type", file(
        "result.json", '{"validation": 1, "test": [2]}'
    )),
    run("an empty result", "what is missing", file("result.json", "{}")),
    run("a result of 20 MB", "memory", file("result.json", "[" + "[]," * 7_000_000 + "1]")),
    run("a result of NaN", "a number that is none", file(
        "result.json", '{"validation": {"accuracy": NaN, "interval": {"low": NaN, "high": NaN}}}'
    )),
    run("a result that is too deep", "the end of the stack", file("result.json", "[" * 200_000)),
    run("epochs of another type", "another type", file("epochs.jsonl", "1\n[2]\n")),
    run("epochs that are empty", "what is missing", file("epochs.jsonl", "")),
    run("epochs with unknown fields", "another type", file(
        "epochs.jsonl", '{"epoch": 1, "__class__": "os.system"}\n'
    )),
    run("epochs that are no numbers", "another type", file(
        "epochs.jsonl", '{"epoch": "x", "step": [], "loss": {}}\n'
    )),
    run("a model that is a pickle", "code", file("model.safetensors", touching)),
    run("predictions with objects", "code", file("predictions-validation.npz", _objects)),
    run("predictions that are a pickle", "code", file("predictions-validation.npz", touching)),
    run("predictions of 8 GB", "an allocation", file("predictions-validation.npz", _huge)),
    run("predictions that are a bomb", "memory", file("predictions-validation.npz", _bomb)),
    run("event files that are pickles", "code", file(
        "tensorboard/train/events.out.tfevents.9.x", touching
    )),
    run("a failure of another type", "another type", _failed),
    run("a lock that is a link", "the user's file emptied", linked(".lock")),
    run("a page that is a link", "the user's file overwritten", linked("report.html")),
    run("a result that is a link", "the user's file overwritten", linked("result.json")),
    run("predictions that are a link", "the user's file overwritten", linked(
        "predictions-test.npz"
    )),
    run("a log that is a link", "the user's database changed", _linked_log),
    run("a config that is a pipe", "an endless wait", _pipe("config.toml")),
    run("a lock that is a pipe", "an endless wait", _pipe(".lock")),
    run("a result that is a pipe", "an endless wait", _pipe("result.json")),
    run("a log with an endless view", "an endless wait", log(
        f"CREATE VIEW runs({COLUMNS}) AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 "
        f"FROM n) SELECT 'run' || x, {ROW} FROM n;"
    ), kind="runs"),
    run("a log with runs elsewhere", "a file read", log(
        f"CREATE TABLE runs({COLUMNS}); INSERT INTO runs VALUES ('../../../../../secret', {ROW});"
        f"INSERT INTO runs VALUES ('/etc', {ROW});"
    ), kind="runs"),
    run("a log with other columns", "what is missing", log("CREATE TABLE runs(run);"), kind="runs"),
    run("a log with other types", "another type", log(
        f"CREATE TABLE runs({COLUMNS}); INSERT INTO runs VALUES (x'00ff', 1, NULL, x'1b', 'x', 7, "
        "'many', 'x', 'y', 'z', 'w', 'v', 'u');"
    ), kind="runs"),
    run("a log that steers a terminal", "the screen", log(
        f"CREATE TABLE runs({COLUMNS}); INSERT INTO runs VALUES "
        f"('run' || char(27) || '[2J[link=x]y[/link]', {ROW});"
    ), kind="runs"),
    run("a log that is a pickle", "code", lambda path, room: (
        written(path.parent / "log.sqlite", touching(room)).parent
    ), kind="runs"),
]  # fmt: skip
