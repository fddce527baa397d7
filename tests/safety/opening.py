"""Open hostile files through every door that takes them, each in a watched process of its own.

`python opening.py SANDBOX [KIND]... [--all]` prints a line of JSON for each exploit and door: the
quick doors of its kind, or all. The process that reads this is forked for each, warm: what is
imported then is imported because of the file.
"""

import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT)]

from corpus.exploit import Exploit, Room  # noqa: E402
from doors import Door, doors_for  # noqa: E402
from watch import Forbidden, watch  # noqa: E402

SECONDS = 30.0  # for one door, where none should need two
MEGABYTE = 1 << 20
OURS = {"rooms", "canary", "secret", "report", "facts", "said", "shown", "good"}  # in the sandbox


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What came of one door."""

    exploit: str
    door: str
    code: int  # 0 or 1 as of `ken`; below zero: a signal
    said: str  # on stderr
    shown: str  # on stdout
    broken: tuple[str, ...]  # what was watched for and happened
    seconds: float
    cpu: float  # seconds
    grown: int  # bytes of memory at most, over those of the warm process
    size: int  # bytes of the file

    @property
    def faults(self) -> list[str]:
        """What must not be."""
        found = list(self.broken)
        if "Traceback" in self.said or self.code not in (0, 1):
            found.append(f"ended with {self.code}: {self.said[-1500:]}")
        lines = [line for line in self.said.splitlines() if line.startswith("ken: ")]
        if self.code == 1 and len(lines) != 1 and self.door != "predict":
            found.append(f"refused without a reason: {self.said[-300:]!r}")
        if self.code == 1 and self.grown > self.size + 64 * MEGABYTE:
            found.append(f"took {self.grown // MEGABYTE} MB to refuse {self.size:,} bytes")
        if self.seconds > SECONDS:
            found.append(f"took {self.seconds:.0f} seconds")
        for text in (self.said, self.shown):
            if not all(letter.isprintable() or letter == "\n" for letter in text):
                found.append(f"control characters: {text[:600]!r}")
        return found


def opened(exploit: Exploit, name: str, door: Door, sandbox: Path, good: Path) -> Opened:
    """Fork, make the file, watch, open the door, and tell what happened."""
    room_of = sandbox / "rooms" / "room"
    shutil.rmtree(room_of, ignore_errors=True)
    folder = room_of / "here"
    folder.mkdir(parents=True)
    canary, secret, report = (sandbox / each for each in ("canary", "secret", "report"))
    victim = room_of / "victim"
    for path in (victim, secret):
        path.write_text("the user's\n")
    for path in (canary, report):
        path.unlink(missing_ok=True)
    room = Room(folder=folder, canary=canary, victim=victim, secret=secret, good=good)
    facts, said, shown = (sandbox / each for each in ("facts", "said", "shown"))
    facts.write_text("{}")
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _open(exploit, door, room, report, facts, said, shown)
    status, cpu = _ended(child, began)
    broken = report.read_text(errors="replace").splitlines() if report.exists() else []
    if canary.exists():
        broken.append("the canary is there")
    if not all(path.read_text() == "the user's\n" for path in (victim, secret)):
        broken.append("the user's file was changed")
    broken += [f"{name} is new" for name in sorted(set(os.listdir(sandbox)) - OURS)]
    told = json.loads(facts.read_text() or "{}")
    return Opened(
        exploit=exploit.name,
        door=name,
        code=os.waitstatus_to_exitcode(status),
        said=said.read_text(errors="replace"),
        shown=shown.read_text(errors="replace"),
        broken=tuple(broken),
        seconds=time.monotonic() - began,
        cpu=cpu,
        grown=told.get("grown", 0),
        size=told.get("size", 0),
    )


def _ended(child: int, began: float) -> tuple[int, float]:
    """The status of the process and the seconds of computing that it took."""
    found = 0
    while time.monotonic() - began < SECONDS + 1 and not found:
        time.sleep(0.002)
        found, status, usage = os.wait4(child, os.WNOHANG)
    if not found:
        os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
    return status, usage.ru_utime + usage.ru_stime


def _open(
    exploit: Exploit, door: Door, room: Room, report: Path, facts: Path, said: Path, shown: Path
) -> None:
    """In the child: never returns."""
    code = 70
    for number, path in ((1, shown), (2, said)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    log = os.open(facts, os.O_WRONLY | os.O_TRUNC)
    try:
        path = str(exploit.make(room))
        size = sum(each.lstat().st_size for each in room.folder.rglob("*") if each.is_file())
        os.chdir(room.folder)
        # the lines below are read by the decoding processes that are started from here
        where = {
            "report": str(report),
            "folders": [str(room.folder.parent.parent), str(room.good), str(ROOT)],
        }
        os.environ["KENSPECKLE_WATCH"] = json.dumps(where)
        memory = open("/proc/self/status")  # noqa: SIM115 (to the end of the process)
        before = _memory(memory, "VmRSS")
        watch(str(report), where["folders"], imports=True)
        code = door(path, room.good)
        grown = _memory(memory, "VmHWM") - before
        os.write(log, json.dumps({"grown": grown, "size": size}).encode())
    except Forbidden as forbidden:
        os.write(2, f"ken: {forbidden}\n".encode())
        code = 1
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _memory(status: IO[str], key: str) -> int:
    status.seek(0)
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def warmed(sandbox: Path, doors: dict[str, dict[str, Door]]) -> Path:
    """Make what is good, and open `doors` with it, so that all is imported."""
    # one core: the threads of torch would not be there in a forked process that waits for them
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XDG_CACHE_HOME"] = str(sandbox / "rooms" / "cache")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "watched"), str(HERE), str(ROOT)])
    good = sandbox / "good"
    good.mkdir(parents=True)
    from good_files import make_good

    make_good(good, doors)
    return good


def opened_all(sandbox: Path, exploits: list[Exploit], *, every: bool) -> Iterator[Opened]:
    """Every exploit through the quick doors of its kind, or through `every` one."""
    doors = {exploit.kind: doors_for(exploit.kind, every=every) for exploit in exploits}
    good = warmed(sandbox, doors)
    gc.freeze()  # a collection in a forked process would copy all that is here
    for exploit in exploits:
        for name, door in doors[exploit.kind].items():
            yield opened(exploit, name, door, sandbox, good)


def main(arguments: list[str]) -> None:
    """What `python opening.py` does."""
    from corpus.everything import CONTROL, EXPLOITS

    sandbox, chosen = Path(arguments[0]), {each for each in arguments[1:] if each != "--all"}
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    exploits = [
        exploit for exploit in (*EXPLOITS, CONTROL)
        if not chosen or chosen & {exploit.kind, exploit.name}
    ]  # fmt: skip
    for found in opened_all(sandbox, exploits, every="--all" in arguments):
        print(json.dumps({**asdict(found), "faults": found.faults}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
