"""Files of settings, corrections and searches."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from corpus.exploit import Exploit, Room, pickled_call, touching, written

Make = Callable[[Room], bytes | str | Path]


def file(kind: str, name: str, tries: str, make: Make) -> Exploit:
    """A file of that kind."""

    def place(room: Room) -> Path:
        made = make(room)
        return made if isinstance(made, Path) else written(room.folder / f"a.{kind}", made)

    return Exploit(name=f"{kind}: {name}", tries=tries, kind=kind, make=place)


def _config(key: str, value: str) -> Make:
    def make(room: Room) -> str:
        lines = (room.good / "run" / "config.toml").read_text().splitlines()
        return "\n".join(f"{key} = {value}" if x.startswith(f"{key} =") else x for x in lines)

    return make


def _pipe(room: Room) -> Path:
    os.mkfifo(room.folder / "pipe")
    return room.folder / "pipe"


def search(
    name: str, tries: str, journal: Callable[[Room], bytes], *, link: bool = False
) -> Exploit:
    """The folder of a search whose journal was changed."""

    def make(room: Room) -> Path:
        folder = room.folder / "searched"
        if link:
            folder.mkdir()
            (folder / "journal.log").symlink_to(room.victim)
        else:
            written(folder / "journal.log", journal(room))
        return folder

    return Exploit(name=f"search: {name}", tries=tries, kind="search", make=make)


ASKED = b'{"op_code": 0, "worker_id": "w", "study_name": "x", "directions": [2]}\n'
EXPLOITS = [
    file("config", "a recipe that is a path", "a folder elsewhere", _config(
        "recipe", '"../../../../../../canary"'
    )),
    file("config", "a pickle", "code", touching),
    file("config", "a pipe", "an endless wait", _pipe),
    file("config", "a device", "endless reading", lambda r: Path("/dev/zero")),
    file("config", "a table of code", "code", lambda r: '[__reduce__]\ncall = "os.system"\n'),
    file("config", "a network by module", "an import", _config("name", '"kenspeckle_canary.Net"')),
    file("config", "deep lists", "the end of the stack", lambda r: "a = " + "[" * 100_000),
    file("config", "5 MB", "slow parsing", lambda r: "a = 1\n" * 900_000),
    file("config", "a backbone that climbs", "a file read", _config(
        "backbone", '"hf/../../../etc/passwd"'
    )),
    file("space", "a pickle", "code", touching),
    file("space", "a pipe", "an endless wait", _pipe),
    file("space", "an attribute", "code", lambda r: '"__class__.__init__" = ["os.system"]\n'),
    file("space", "10^18 values", "memory", lambda r: '"seed" = {low = 0, high = 1e18}'),
    file("corrections", "a pickle", "code", touching),
    file("corrections", "a pipe", "an endless wait", _pipe),
    file("corrections", "a device", "endless reading", lambda r: Path("/dev/zero")),
    file("corrections", "paths and formulas", "a path from a name", lambda r: (
        f"item,check,label,correct\n{r.secret},0123456789abcdef,=cmd|'/c calc'!A1,../../canary\n"
    )),
    file("corrections", "a field of 2 MB", "memory", lambda r: (
        "item,check,label,correct\n" + "x" * (2 << 20) + ",a,b,c\n"
    )),
    search("a journal that is a pickle", "code", touching),
    search("a journal of another kind", "code", lambda r: json.dumps(
        {"op_code": 4, "distribution": "__import__('os').system('true')"}
    ).encode() + b"\n"),
    search("a journal with a distribution of code", "an import", lambda r: ASKED + json.dumps(
        {"op_code": 5, "worker_id": "w", "trial_id": 0, "param_name": "x", "distribution":
         '{"name": "kenspeckle_canary.Distribution", "attributes": {}}'}
    ).encode() + b"\n"),
    search("a journal that is a link", "the user's file cut", lambda r: b"", link=True),
    search("a journal of a call", "code", lambda r: pickled_call("os", "system", "a") + b"\n"),
]  # fmt: skip
