"""What a seed costs when many are trained at once, beside single runs before and after.

A single run uses all cores, as `ken train` does. Cold is from the start of the process to the last
file; warm leaves out the import of libraries, but not data, validation and durable writes.

    python benchmarks/many.py --recipe swift --seeds 16
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SINGLE = """
import sys, time
from kenspeckle.recipes.choice import choose
from kenspeckle.runs import to_end, training
choice = choose("mnist", recipe=sys.argv[1], settings=sys.argv[3:])
began = time.perf_counter()
to_end(training(choice.config, out=sys.argv[2]))
print(time.perf_counter() - began)
"""
MANY = """
import sys, time
from kenspeckle.many import train_many
began = time.perf_counter()
train_many("mnist", recipe=sys.argv[1], seeds=int(sys.argv[3]), out=sys.argv[2])
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of one process."""

    cold: float
    warm: float
    load: float  # processes that wanted to run, on average over the minute before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="swift")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--singles", type=int, default=2, help="before, and as many after")
    options = parser.parse_args()
    singles = [single(options.recipe) for _ in range(options.singles)]
    many = measured(MANY, options.recipe, str(options.seeds))
    singles += [single(options.recipe) for _ in range(options.singles)]
    cold, warm = (statistics.median(getattr(one, name) for one in singles) for name in KINDS)
    print(f"| {options.recipe}, {os.cpu_count()} cores | cold s | warm s | load |")
    print("|---|---|---|---|")
    for one in singles:
        print(f"| single | {one.cold:.1f} | {one.warm:.1f} | {one.load:.1f} |")
    per_seed = many.cold / options.seeds, many.warm / options.seeds
    label = f"{options.seeds} seeds, each"
    print(f"| {label} | {per_seed[0]:.1f} | {per_seed[1]:.1f} | {many.load:.1f} |")
    print(f"| of the median single | {per_seed[0] / cold:.2f} | {per_seed[1] / warm:.2f} | |")


KINDS = ("cold", "warm")


def single(recipe: str) -> Cost:
    return measured(SINGLE, recipe)


def measured(code: str, recipe: str, *arguments: str) -> Cost:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, recipe, str(Path(folder) / "run"), *arguments]
        began = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        cold = time.perf_counter() - began
    return Cost(cold=cold, warm=float(done.stdout), load=load)


if __name__ == "__main__":
    main()
