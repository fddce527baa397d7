"""The doors: every command and function that opens a file of somebody else."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

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


def answered(path: str, good: Path) -> int:
    """The door of Python to exported models."""
    import numpy as np

    from kenspeckle.onnx_model import load_onnx

    picture = np.zeros((1, 16, 16, 1), np.uint8)
    return _told(lambda: load_onnx(path, threads=1).probabilities(picture))


def served(path: str, good: Path) -> int:
    """What the process of `ken serve` that computes does with a file before it answers."""
    from kenspeckle.serving import answering
    from kenspeckle.serving.desk import open_model
    from kenspeckle.serving.engine import load

    def answer() -> None:
        with open_model(Path(path)) as file:
            engine = load(path, file.fileno())
        picture = (good / "picture.png").read_bytes()
        answering.answers(engine, [len(picture)], memoryview(picture))

    return _told(answer)


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
    "serve": served,
    "look --summary": lambda path, good: ken("look", path, "--summary"),
    "train start": lambda path, good: ken(
        "train", good / "bars.npz", *QUICK, "--set", f"start={path}", "--out", "trained"
    ),
    "backbone": backbone,
}  # fmt: skip
ONNX: dict[str, Door] = {
    "load_onnx": answered,
    "serve": served,
    "predict": lambda path, good: ken("predict", path, good / "picture.png"),
    "predict --show": lambda path, good: ken(
        "predict", path, good / "picture.png", "--show", "sheet.png", "--json"
    ),
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
    "onnx": ONNX,
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
        "screen": lambda path, good: print("\x1b[2J") or 0,
        "traceback": lambda path, good: 1 // 0,
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
QUICK_DOORS = {  # those of each kind that cost least and together read all
    "model": ("load",), "onnx": ("predict",), "run": ("diagnose", "runs"),
    "checkpoint": ("resume",),
    "runs": ("runs",), "source": ("data",), "listed": ("data",), "picture": ("predict",),
    "config": ("train",), "space": ("search",), "search": ("search",), "corrections": ("train",),
    "control": tuple(DOORS["control"]),
}  # fmt: skip


def doors_for(kind: str, *, every: bool) -> dict[str, Door]:
    """By name: the quick doors, or `every` one."""
    return {name: door for name, door in DOORS[kind].items() if every or name in QUICK_DOORS[kind]}
