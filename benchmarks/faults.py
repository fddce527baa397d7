"""Read everything hostile, damaged and degenerate that the tests have, at its largest counts.

    PYTHONPATH=. python benchmarks/faults.py [--only fuzzed-pictures ...]

Each row is a process of pytest with the tests marked slow, ended after `--seconds`. The table goes
to stdout; the exit code is 1 where a row did not pass.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tests of one kind of fault."""

    about: str  # what is read, and how many of it
    tests: tuple[str, ...]  # files; after "::" an expression for -k


ROWS = {
    "fuzzed-pictures": Row(
        about="10,500 mutants of 24 pictures in 6 formats",
        tests=("tests/data/test_picture_mutants.py",),
    ),
    "fuzzed-idx": Row(
        about="10,300 mutants of IDX files, and 1,048,576 headers",
        tests=("tests/data/test_idx.py",),
    ),
    "bombs": Row(about="94 small files that claim to be huge", tests=("tests/data/test_bombs.py",)),
    "colour-modes": Row(
        about="163 kinds of pictures, exact", tests=("tests/data/test_colour_modes.py",)
    ),
    "hostile-tree": Row(
        about="53 names in 3 positions", tests=("tests/data/test_hostile_tree.py",)
    ),
    "copies": Row(
        about="500 exact and 500 near copies", tests=("tests/data/test_near_duplicates.py",)
    ),
    "degenerate": Row(
        about="35 sources, looked at and trained on", tests=("tests/data/test_degenerate.py",)
    ),
    "archives": Row(
        about="574 attacks, 900 mutants, 1,000,001 members",
        tests=("tests/data/test_archive_attacks.py",),
    ),
    "gzip": Row(
        about="56 compressed sources with several members, cuts, garbage",
        tests=("tests/data/test_gzip_sources.py", "tests/data/test_idx.py::gzip"),
    ),
}


def main() -> int:
    """Run the rows one after the other and print each as a line of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seconds", type=float, default=480, help="for each row")
    options = parser.parse_args()
    print("| fault | read | tests | passed | s |\n|---|---|---|---|---|", flush=True)
    is_good = True
    for name in options.only:
        row = ROWS[name]
        began = time.perf_counter()
        counts = [_run(test, options.seconds) for test in row.tests]
        passed, tests = (sum(column) for column in zip(*counts, strict=True))
        is_good = is_good and 0 < passed == tests
        seconds = time.perf_counter() - began
        print(f"| {name} | {row.about} | {tests} | {passed} | {seconds:.0f} |", flush=True)
    return 0 if is_good else 1


def _run(test: str, seconds: float) -> tuple[int, int]:
    """How many tests passed, and of how many; one that did not is shown on stderr."""
    file, _, expression = test.partition("::")
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "--timeout", str(int(seconds)), file]
    command += ["-k", expression] if expression else []
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        print(f"{test}: over {seconds:g} seconds", file=sys.stderr)
        dots = (error.stdout or b"").decode().count(".")
        return dots, dots + 1
    last = done.stdout.splitlines()[-1] if done.stdout else ""
    counts = {
        word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)", last)
    }
    passed = counts.get("passed", 0)
    if done.returncode:
        print(done.stdout[-3000:], done.stderr[-1000:], file=sys.stderr)
    others = sum(n for word, n in counts.items() if word not in ("passed", "skipped"))
    return passed, passed + max(others, int(done.returncode != 0))


if __name__ == "__main__":
    sys.exit(main())
