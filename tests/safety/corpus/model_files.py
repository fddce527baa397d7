"""Model files: code in every slot, headers that lie, and things that are no files."""

import hashlib
import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable

from archive_files import Zipped, zipped

from corpus.exploit import (
    Exploit,
    Room,
    importing,
    pickled_call,
    torch_legacy,
    torch_zip,
    touching,
    written,
)

GIGABYTE = 1 << 30


def _parts(room: Room) -> tuple[dict, bytes]:
    data = (room.good / "run" / "model.safetensors").read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def _joined(header: object, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _sealed(header: dict, body: bytes, said: dict) -> bytes:
    """With the digest that whoever edits a file on purpose would compute."""
    said = {key: value for key, value in said.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode() + body).hexdigest()
    metadata = {"kenspeckle": json.dumps(said | {"sha256": digest})}
    return _joined({**header, "__metadata__": metadata}, body)


def model(name: str, tries: str, make: Callable[[Room], object]) -> Exploit:
    """Bytes for a model file, or a path."""

    def place(room: Room) -> object:
        made = make(room)
        path = room.folder / "model.safetensors"
        return written(path, made) if isinstance(made, bytes) else made

    return Exploit(name=f"model: {name}", tries=tries, kind="model", make=place)


def edited(name: str, tries: str, edit: Callable[[dict, Room], object]) -> Exploit:
    """A model file whose description was changed by `edit`, and sealed again."""

    def make(room: Room) -> bytes:
        header, body = _parts(room)
        said = json.loads(header["__metadata__"]["kenspeckle"])
        edit(said, room)
        return _sealed(header, body, said)

    return model(name, tries, make)


def headed(name: str, tries: str, edit: Callable[[dict, Room], object]) -> Exploit:
    """A model file whose tensors are told otherwise by `edit`."""

    def make(room: Room) -> bytes:
        header, body = _parts(room)
        changed = edit(header, room)
        return _joined(changed if changed is not None else header, body)

    return model(name, tries, make)


def _first(header: dict) -> dict:
    return header[sorted(name for name in header if name != "__metadata__")[0]]


def _tar(room: Room) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = touching(room)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _keras(room: Room) -> bytes:
    layer = {
        "module": "builtins", "class_name": "eval",
        "config": f"__import__('os').system('touch {room.canary}')",
    }  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps({"module": "keras", "config": layer}))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n")
    return buffer.getvalue()


def _exported(room: Room) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/archive_format", "pt2")
        archive.writestr("model/models/model.json", json.dumps({"example_inputs": "x"}))
        archive.writestr("model/data/sample_inputs/model.pt", torch_zip(touching(room)))
        archive.writestr("model/data/constants/0.pt", touching(room))
    return buffer.getvalue()


def _both(room: Room) -> bytes:
    """A model file that is a zip archive as well, with a pickle in it."""
    header, body = _parts(room)
    return _joined(header, body) + torch_zip(touching(room))


def _fifo(room: Room) -> object:
    os.mkfifo(room.folder / "model.safetensors")
    return room.folder / "model.safetensors"


def _link(target: str) -> Callable[[Room], object]:
    def make(room: Room) -> object:
        path = room.folder / "model.safetensors"
        path.symlink_to(target)
        return path

    return make


def _folder(room: Room) -> object:
    path = room.folder / "model.safetensors"
    path.mkdir()
    return path


def _said(key: str, value: object) -> Callable[[dict, Room], object]:
    return lambda said, room: said["description"].update({key: value})


def _architecture(**values: object) -> Callable[[dict, Room], object]:
    return lambda said, room: said["description"]["architecture"].update(values)


def _hf(text: dict) -> Callable[[dict, Room], object]:
    model = {"name": "hf", "text": json.dumps(text)}
    return lambda said, room: said["description"].update({"architecture": model})


SPAN = "data_offsets"
EXPLOITS = [
    model("pickle", "code when unpickled", touching),
    model("pickle of protocol 4", "code when unpickled", lambda r: touching(r, protocol=4)),
    model("pickle that imports", "an import when unpickled", lambda r: importing()),
    model("zip of torch.save", "code under torch.load", lambda r: torch_zip(touching(r))),
    model("zip of torch.save, no root", "as above", lambda r: torch_zip(touching(r), root="x/y")),
    model("legacy file of torch.save", "as above", lambda r: torch_legacy(touching(r))),
    model("tar of an old torch.save", "as above", _tar),
    model(
        "REDUCE through getattr", "code behind torch's list of safe names",
        lambda r: torch_zip(pickled_call("torch.serialization", "load", str(r.canary))),
    ),
    model("TorchScript", "code in an archive", lambda r: torch_zip(
        pickled_call("__torch__", "Module", str(r.canary)), root="code"
    )),
    model("Keras", "a layer that is eval", _keras),
    model("pt2", "pickles in an exported program", _exported),
    model("joblib", "code when loaded", lambda r: b"\x80\4\x95" + touching(r)),
    model("pickle after the model", "two formats in one file", _both),
    model("pickle before the model", "two formats in one file", lambda r: touching(r) + _both(r)),
    model("zip bomb", "a gigabyte from a megabyte", lambda r: zipped(
        Zipped(name=b"archive/data.pkl", content=bytes(1 << 26), method=8)
    )),
    model("HDF5", "another format", lambda r: b"\x89HDF\r\n\x1a\n" + bytes(4096)),
    model("empty", "no header", lambda r: b""),
    model("a header of 8 EiB", "an allocation", lambda r: struct.pack("<Q", 1 << 63) + b"{}"),
    model("a header of 2^64 - 1", "a sum that wraps", lambda r: b"\xff" * 8 + b"{}" * 50),
    model("a header of 100 MB", "an allocation", lambda r: _joined(
        b'{"a":"' + b"x" * (5 << 20) + b'"}', b""
    )),
    model("a million tensors", "slow parsing", lambda r: _joined(
        json.dumps({f"t{n}": {"dtype": "F32", "shape": [0], SPAN: [0, 0]} for n in range(15000)})
        .encode()[: 1 << 20], b""
    )),
    model("deep JSON", "the end of the stack", lambda r: _joined(b"[" * 500_000, b"")),
    model("deep objects", "the end of the stack", lambda r: _joined(b'{"a":' * 100_000, b"")),
    model("a number of 100,000 digits", "quadratic time", lambda r: _joined(
        b'{"a":' + b"9" * 100_000 + b"}", b""
    )),
    model("NaN in the header", "a number that is none", lambda r: _joined(
        b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,NaN]}}', bytes(4)
    )),
    model("UTF-16", "another reading of one file", lambda r: _joined(
        json.dumps(_parts(r)[0]).encode("utf-16"), _parts(r)[1]
    )),
    model("a doubled key", "two readings of one file", lambda r: _joined(
        json.dumps(_parts(r)[0]).encode().replace(b"{", b'{"__metadata__":{},', 1), _parts(r)[1]
    )),
    headed("negative offsets", "memory before the file", lambda h, r: _first(h).update(
        {SPAN: [-64, 0]}
    )),
    headed("offsets past the end", "memory after the file", lambda h, r: _first(h).update(
        {SPAN: [0, GIGABYTE]}
    )),
    headed("overlapping tensors", "much from little", lambda h, r: [
        entry.update({SPAN: [0, 4]}) for name, entry in h.items() if name != "__metadata__"
    ] and None),
    headed("offsets as text", "another type", lambda h, r: _first(h).update({SPAN: ["0", "4"]})),
    headed("offsets as true", "another type", lambda h, r: _first(h).update({SPAN: [False, True]})),
    headed("an object type", "pointers from a file", lambda h, r: _first(h).update({"dtype": "O"})),
    headed("another type", "other numbers", lambda h, r: _first(h).update({"dtype": "F8_E4M3"})),
    headed("a shape of 4 GB", "an allocation", lambda h, r: _first(h).update(
        {"shape": [1 << 30]}
    )),
    headed("a shape that wraps", "a product of 0", lambda h, r: _first(h).update(
        {"shape": [1 << 32, 1 << 32]}
    )),
    headed("a tensor called as a path", "a path from a name", lambda h, r: h.update(
        {f"../../{r.canary.name}": _first(h)}
    )),
    headed("a tensor called as an attribute", "an attribute set", lambda h, r: h.update(
        {"__class__.__init__": _first(h)}
    )),
    edited("a module as architecture", "an import", _architecture(name="kenspeckle_canary.Net")),
    edited("a function as architecture", "a call", _architecture(name="os.system")),
    edited("a class and a module", "an import", lambda said, r: said["description"].update(
        {"module": "kenspeckle_canary", "class_name": "Network", "__reduce__": ["os.system", "x"]}
    )),
    edited("a file as architecture", "a file read", lambda said, r: said["description"].update(
        {"architecture": {"name": "file", "path": str(r.victim)}}
    )),
    edited("a backbone by name", "a download", _architecture(backbone="hf/evil/model")),
    edited("widths of 4 GB", "an allocation", _architecture(widths=[1 << 30])),
    edited("many widths", "a deep network", _architecture(
        widths=[1] * 100_000, kernels=[1] * 100_000, paddings=[0] * 100_000, pools=[1] * 100_000
    )),
    edited("a picture of 4 GB", "an allocation", _said("shape", [3, 65536, 65536])),
    edited("a million classes", "an allocation", _said("class_names", ["x"] * 70_000)),
    edited("class names that steer a terminal", "what the screen shows", _said(
        "class_names", ["\x1b[2J\x1b]0;pwned\x07", "\r\nken: all is well"]
    )),
    edited("class names in rich markup", "links on the screen", _said(
        "class_names", ["[link=file:///etc/passwd]zero[/link]", "[bold red]one"]
    )),
    edited("class names that are paths", "a path from a name", _said(
        "class_names", ["../../../canary", "/etc/passwd"]
    )),
    edited("a card of code", "what reads the card", lambda said, r: said.update(
        {"card": {"py/reduce": [{"py/function": "os.system"}, f"touch {r.canary}"]}}
    )),
    edited("a temperature of NaN", "answers that are none", _said("temperature", float("nan"))),
    edited("a preprocessing of code", "a call", lambda said, r: said["description"].update(
        {"preprocess": {"kind": "eval", "code": f"open('{r.canary}', 'w')"}}
    )),
    edited("transformers with an auto_map", "code of a repository", _hf(
        {"model_type": "vit", "auto_map": {"AutoModel": "kenspeckle_canary.Network"}}
    )),
    edited("transformers of an unknown kind", "an import by name", _hf(
        {"model_type": "kenspeckle_canary"}
    )),
    edited("transformers with an implementation", "code of a repository", _hf(
        {"model_type": "vit", "_attn_implementation": "evil/kernels"}
    )),
    edited("transformers of 4 GB", "an allocation", _hf(
        {"model_type": "vit", "hidden_size": 65536, "intermediate_size": 65536,
         "num_hidden_layers": 1000}
    )),
    edited("timm from a hub", "a download", lambda said, r: said["description"].update(
        {"architecture": {"name": "timm", "text": "hf_hub:evil/model"}}
    )),
    model("a pipe", "an endless wait", _fifo),
    model("a device of zeros", "endless reading", _link("/dev/zero")),
    model("a link to itself", "endless links", _link("model.safetensors")),
    model("a link to nothing", "a missing file", _link("absent")),
    model("a folder", "no file", _folder),
]  # fmt: skip
