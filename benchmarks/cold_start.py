"""From the start of a process to its first prediction: `ken predict` of one picture.

    PYTHONPATH=. python benchmarks/cold_start.py PICTURE MODEL... [--count 7]

MODEL is a run folder, a model.safetensors or an exported file; they take turns. Each run is a new
process with everything that it imports; the files are in the memory of the system after the first,
which is not counted. Beside them, what Python takes for nothing at all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from serving_load.material import environment
from serving_load.servers import KEN

NOTHING = "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    commands = {NOTHING: [sys.executable, "-c", ""]}
    for model in chosen.models:
        commands[str(model)] = [
            sys.executable,
            "-c",
            KEN,
            "predict",
            str(model),
            str(chosen.picture),
        ]
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(chosen.count + 1):
        for name, command in commands.items():
            taken = run(command, chosen.threads)
            if number:
                seconds[name].append(taken)
    print(f"Load {os.getloadavg()[0]:.1f}, {chosen.threads} thread, n = {chosen.count}.\n")
    print("| process | s, median (range) | processor s, median |\n|---|---|---|")
    for name, values in seconds.items():
        wall, spent = np.array(values).T
        print(
            f"| {name} | {np.median(wall):.2f} ({wall.min():.2f} to {wall.max():.2f}) "
            f"| {np.median(spent):.2f} |"
        )


def run(command: list[str], threads: int) -> tuple[float, float]:
    """Seconds, and seconds of the processor; exits where the command fails."""
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(threads=threads), check=False
    )
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    spent = after.children_user + after.children_system
    return wall, spent - before.children_user - before.children_system


if __name__ == "__main__":
    main()
