"""Open hostile files through every door that takes them, each in a watched process of its own.

`python doors.py SANDBOX KIND...` prints a line of JSON for each exploit and door. The process that
reads this is forked for each, warm: what is imported then is imported because of the file.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT)]

from corpus.exploit import Exploit, Room  # noqa: E402
from watch import Forbidden, watch  # noqa: E402

SECONDS = 30.0  # for one door, where none should need two
SLOW = ("report",)  # doors that take over a second
MEGABYTE = 1 << 20
QUICK = (
    "--set", "threads=1", "--set", "precision=fp32", "--set", "device=cpu",
    "--set", "train.epochs=1", "--set", "model.widths=[2]", "--set", "model.kernels=[3]",
    "--set", "model.paddings=[1]", "--set", "model.pools=[4]", "--set", "splits.folds=0",
)  # fmt: skip

Door = Callable[[str, Path], int]  # the path of the hostile file, the folder of good ones


def ken(*arguments: object) -> int:
    """The exit code of a command."""
    from kenspeckle.cli.main import main

    return main([str(argument) for argument in arguments])


def load(path: str, good: Path) -> int:
    """The door of Python."""
    import kenspeckle as ks

    return _told(lambda: ks.load(path))


def gathered(path: str, good: Path) -> int:
    """All that `ken report` reads; what it draws of that is tested with the pages."""
    import kenspeckle as ks
    from kenspeckle.briefing.gather import gather

    return _told(lambda: gather(ks.open_run(path)))


def backbone(path: str, good: Path) -> int:
    """What `transfer.backbone` names."""
    from kenspeckle.backbones import backbone

    return _told(lambda: backbone(path))


def _hidden() -> int:
    try:
        os.system("true")
    except Exception:
        return 0
    return 0


def _told(action: Callable[[], object]) -> int:
    """The exit code that `ken` would have, and what it would say."""
    from kenspeckle.errors import KenspeckleError

    try:
        action()
    except KenspeckleError as error:
        print(f"ken: {error}", file=sys.stderr)
        return 1
    return 0


def runs_of(path: str, good: Path) -> int:
    """The list of the runs in the folder around."""
    return ken("runs", Path(path).parent)


MODEL: dict[str, Door] = {
    "load": load,
    "predict": lambda path, good: ken("predict", path, good / "picture.png"),
    "look --summary": lambda path, good: ken("look", path, "--summary"),
    "train start": lambda path, good: ken(
        "train", good / "bars.npz", *QUICK, "--set", f"start={path}", "--out", "trained"
    ),
    "backbone": backbone,
}  # fmt: skip
RUN: dict[str, Door] = {
    "predict": lambda path, good: ken("predict", path, good / "picture.png"),
    "evaluate": lambda path, good: ken("evaluate", path),
    "diagnose": lambda path, good: ken("diagnose", path),
    "report": gathered,
    "look": lambda path, good: ken("look", path, "--what", "filters"),
    "runs": runs_of,
    "runs --diff": lambda path, good: ken("runs", good, "--diff", path, good / "run"),
    "resume": lambda path, good: ken("train", "--resume", path),
}
SOURCE: dict[str, Door] = {
    "data": lambda path, good: ken("data", path),
    "train": lambda path, good: ken("train", path, *QUICK, "--out", "trained"),
    "diagnose": lambda path, good: ken("diagnose", path, *QUICK),
    "evaluate": lambda path, good: ken("evaluate", good / "run", path),
}
DOORS: dict[str, dict[str, Door]] = {
    "model": MODEL,
    "run": RUN,
    "checkpoint": {"resume": RUN["resume"]},
    "runs": {"runs": lambda path, good: ken("runs", path)},
    "source": SOURCE,
    "listed": {"data": SOURCE["data"]},
    "picture": {
        "predict": lambda path, good: ken("predict", good / "run", path),
        "look": lambda path, good: ken(
            "look", good / "run", "--what", "saliency", "--image", path, "--out", "look"
        ),
    },
    "config": {
        "train": lambda path, good: ken("train", good / "bars.npz", "--config", path),
    },
    "space": {
        "search": lambda path, good: ken(
            "search", good / "bars.npz", "searched", "--space", path, "--trials", "1"
        ),
    },
    "search": {
        "search": lambda path, good: ken(
            "search", good / "bars.npz", path, "--try", "train.epochs=1", "--try", "threads=1",
            "--try", "optimizer.rate=0.1,0.2", "--trials", "1",
        ),
    },
    "control": {
        "pickle": lambda path, good: int(bool(__import__("pickle").loads(Path(path).read_bytes()))),
        "exec": lambda path, good: exec(f"open({str(good.parent / 'canary')!r}, 'w')") or 0,
        "outside": lambda path, good: len(Path("/etc/passwd").read_bytes()) * 0,
        "import": lambda path, good: int(bool(__import__("antigravity"))),
        "shell": lambda path, good: os.system("true"),
        "link": lambda path, good: (good.parent / "rooms/room/victim").write_text("") or 0,
        "hidden": lambda path, good: _hidden(),
    },
    "corrections": {
        "train": lambda path, good: ken(
            "train", good / "bars.npz", *QUICK, "--set", f"data.corrections={path}",
            "--out", "trained",
        ),
        "diagnose": lambda path, good: ken(
            "diagnose", good / "bars.npz", *QUICK, "--review", path, "--apply"
        ),
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What came of one door."""

    exploit: str
    door: str
    code: int  # 0 or 1 as of `ken`; below zero: a signal
    said: str  # on stderr
    broken: tuple[str, ...]  # what was watched for and happened
    seconds: float
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
        if not all(letter.isprintable() or letter == "\n" for letter in self.said):
            found.append(f"control characters: {self.said[:300]!r}")
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
    facts, said = sandbox / "facts", sandbox / "said"
    facts.write_text("{}")
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _open(exploit, door, room, report, facts, said)
    status = _ended(child, began)
    broken = report.read_text(errors="replace").splitlines() if report.exists() else []
    if canary.exists():
        broken.append("the canary is there")
    if not all(path.read_text() == "the user's\n" for path in (victim, secret)):
        broken.append("the user's file was changed")
    strange = sorted(
        each.name for each in sandbox.iterdir()
        if each.name not in ("rooms", "canary", "secret", "report", "facts", "said", "good")
    )  # fmt: skip
    broken += [f"{each} is new" for each in strange]
    told = json.loads(facts.read_text() or "{}")
    return Opened(
        exploit=exploit.name,
        door=name,
        code=os.waitstatus_to_exitcode(status),
        said=said.read_text(errors="replace"),
        broken=tuple(broken),
        seconds=time.monotonic() - began,
        grown=told.get("grown", 0),
        size=told.get("size", 0),
    )


def _ended(child: int, began: float) -> int:
    while time.monotonic() - began < SECONDS + 1:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _open(exploit: Exploit, door: Door, room: Room, report: Path, facts: Path, said: Path) -> None:
    """In the child: never returns."""
    code = 70
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(output, 2)
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
            sys.stderr.flush()
        os._exit(code)


def _memory(status: IO[str], key: str) -> int:
    status.seek(0)
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith(key))


def warmed(sandbox: Path) -> Path:
    """Make what is good, and open every door with it, so that all is imported."""
    # one core: the threads of torch would not be there in a forked process that waits for them
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XDG_CACHE_HOME"] = str(sandbox / "rooms" / "cache")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "watched"), str(HERE), str(ROOT)])
    good = sandbox / "good"
    good.mkdir(parents=True)
    from good_files import make_good

    make_good(good)
    return good


def opened_all(sandbox: Path, exploits: list[Exploit], *, slow: bool) -> Iterator[Opened]:
    """Every exploit through every door of its kind."""
    good = warmed(sandbox)
    for exploit in exploits:
        for name, door in DOORS[exploit.kind].items():
            if name in SLOW and not slow:
                continue
            yield opened(exploit, name, door, sandbox, good)


def main(arguments: list[str]) -> None:
    """What `python doors.py` does."""
    from corpus.everything import CONTROL, EXPLOITS

    sandbox, kinds = Path(arguments[0]), [each for each in arguments[1:] if each != "--slow"]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if kinds == ["control"]:
        EXPLOITS = [CONTROL]
    chosen = [each for each in EXPLOITS if not kinds or each.kind in kinds or each.name in kinds]
    for found in opened_all(sandbox, chosen, slow="--slow" in arguments):
        print(json.dumps({**asdict(found), "faults": found.faults}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
