"""Checkpoints: manifests that name files elsewhere, members that are none, states that lie."""

import hashlib
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from corpus.exploit import Exploit, Room, torch_zip, touching, written

Edit = Callable[[Path, Room], object]


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_bytes())


def seal(folder: Path, manifest: dict) -> None:
    """Write a manifest with the seal that whoever edits one on purpose would compute."""
    manifest = {key: value for key, value in manifest.items() if key != "seal"}
    content = json.dumps(manifest, sort_keys=True, allow_nan=False)
    manifest["seal"] = hashlib.sha256(content.encode()).hexdigest()
    written(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")


def put(folder: Path, name: str, data: bytes) -> None:
    """Give the manifest a file `name` and what it should be."""
    manifest = manifest_of(folder)
    digest = hashlib.sha256(data).hexdigest()
    manifest["files"][name] = {"size": len(data), "sha256": digest}
    seal(folder, manifest)


def replaced(name: str, make: Callable[[Room], bytes]) -> Edit:
    """The member `name` with other bytes and right hashes."""

    def edit(folder: Path, room: Room) -> None:
        data = make(room)
        written(folder / name, data)
        put(folder, name, data)

    return edit


def state(change: Callable[[dict], object]) -> Edit:
    """The state with something else in it, and right hashes."""

    def edit(folder: Path, room: Room) -> None:
        found = json.loads((folder / "state.json").read_bytes())
        change(found)
        data = json.dumps(found).encode()
        written(folder / "state.json", data)
        put(folder, "state.json", data)

    return edit


def named(name: Callable[[Room], str], data: bytes = b"the user's\n") -> Edit:
    """A file of the manifest that lies elsewhere."""
    return lambda folder, room: put(folder, name(room), data)


def checkpoint(name: str, tries: str, edit: Edit) -> Exploit:
    """A run that was stopped, its one checkpoint changed by `edit`."""

    def make(room: Room) -> Path:
        run = room.folder / "runs" / "run"
        shutil.copytree(room.good / "stopped", run)
        (folder,) = (run / "checkpoints").iterdir()
        edit(folder, room)
        return run

    return Exploit(name=f"checkpoint: {name}", tries=tries, kind="checkpoint", make=make)


def _link(target: Callable[[Room], object]) -> Edit:
    def edit(folder: Path, room: Room) -> None:
        (folder / "weights.safetensors").unlink(missing_ok=True)
        member = next(name for name in manifest_of(folder)["files"] if name.endswith("tensors"))
        (folder / member).unlink()
        (folder / member).symlink_to(str(target(room)))

    return edit


def _fifo(folder: Path, room: Room) -> None:
    (folder / "state.json").unlink()
    os.mkfifo(folder / "state.json")
    put(folder, "state.json", b"")


def _fifo_manifest(folder: Path, room: Room) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


def _zeros(folder: Path, room: Room) -> None:
    (folder / "state.json").unlink()
    (folder / "state.json").symlink_to("/dev/zero")
    put(folder, "state.json", b"")


def _shape(folder: Path, room: Room) -> None:
    header = {"w": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(4)
    member = next(name for name in manifest_of(folder)["files"] if name.endswith("tensors"))
    written(folder / member, data)
    put(folder, member, data)


def _other_shape(folder: Path, room: Room) -> None:
    header = {"head.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(4)
    for member in manifest_of(folder)["files"]:
        if member.endswith("tensors"):
            written(folder / member, data)
            put(folder, member, data)


def _without(folder: Path, room: Room) -> None:
    manifest = manifest_of(folder)
    for member in [name for name in manifest["files"] if name.endswith("tensors")]:
        del manifest["files"][member]
    seal(folder, manifest)


def _manifest(change: Callable[[dict], object]) -> Edit:
    def edit(folder: Path, room: Room) -> None:
        manifest = manifest_of(folder)
        change(manifest)
        seal(folder, manifest)

    return edit


def _first(manifest: dict) -> dict:
    return next(iter(manifest["files"].values()))


def _set_training(name: str, value: object) -> Callable[[dict], object]:
    return lambda found: found["training"].update({name: value})


EXPLOITS = [
    checkpoint("a file above it", "reading elsewhere", named(lambda r: f"{'../' * 7}secret")),
    checkpoint("an absolute file", "reading elsewhere", named(lambda r: str(r.secret))),
    checkpoint("the password file", "reading elsewhere", named(
        lambda r: "/etc/passwd", Path("/etc/passwd").read_bytes()
    )),
    checkpoint("a device", "endless reading", named(lambda r: "/dev/zero", b"")),
    checkpoint("a name with a zero", "another name", named(lambda r: "state.json\0.txt")),
    checkpoint("a name of another system", "a path", named(lambda r: "..\\..\\secret")),
    checkpoint("its manifest as member", "itself", named(lambda r: "manifest.json")),
    checkpoint("an empty name", "the folder itself", named(lambda r: "", b"")),
    checkpoint("a member that is a link", "reading elsewhere", _link(lambda r: r.secret)),
    checkpoint("a member that is a pipe", "an endless wait", _fifo),
    checkpoint("a manifest that is a pipe", "an endless wait", _fifo_manifest),
    checkpoint("a member that is a device", "endless reading", _zeros),
    checkpoint("a wrong hash", "other weights", _manifest(
        lambda m: _first(m).update(sha256="0" * 64)
    )),
    checkpoint("a wrong size", "other weights", _manifest(lambda m: _first(m).update(size=1))),
    checkpoint("a size of 8 EiB", "an allocation", _manifest(
        lambda m: _first(m).update(size=1 << 63)
    )),
    checkpoint("files as a list", "another type", _manifest(lambda m: m.update(files=["a"]))),
    checkpoint("an identity as text", "another type", _manifest(lambda m: m.update(identity="x"))),
    checkpoint("a step of another type", "another type", _manifest(lambda m: m.update(step="1"))),
    checkpoint("a pickle as weights", "code", replaced("weights.safetensors", touching)),
    checkpoint("a pickle as state", "code", replaced("state.json", touching)),
    checkpoint("a zip of torch.save", "code", replaced(
        "optimizer.safetensors", lambda r: torch_zip(touching(r))
    )),
    checkpoint("an extra file", "what reads it", lambda folder, room: written(
        folder / "optimizer.pt", touching(room)
    )),
    checkpoint("a tensor of 4 GB", "an allocation", _shape),
    checkpoint("tensors of other shapes", "weights of another network", _other_shape),
    checkpoint("no tensors", "what is missing", _without),
    checkpoint("a state without training", "what is missing", state(lambda s: s.clear())),
    checkpoint("a state that is a list", "another type", replaced(
        "state.json", lambda r: b"[1, 2]"
    )),
    checkpoint("a state that sets a method", "code put in place of code", state(
        _set_training("network", "kenspeckle_canary")
    )),
    checkpoint("a state that sets a dunder", "another class", state(
        _set_training("__class__", "kenspeckle_canary.Training")
    )),
    checkpoint("a step of text", "another type", state(_set_training("step", "x"))),
    checkpoint("an epoch of 10^18", "an endless training", state(_set_training("epoch", 10**18))),
    checkpoint("a negative step", "an endless training", state(_set_training("step", -(10**9)))),
    checkpoint("epochs that are none", "another type", state(lambda s: s.update(epochs=[1, "x"]))),
    checkpoint("a fold that is none", "another type", state(lambda s: s.update(fold="../x"))),
    checkpoint("deep JSON", "the end of the stack", replaced(
        "state.json", lambda r: b"[" * 200_000
    )),
]  # fmt: skip
