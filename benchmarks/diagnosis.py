"""Plant faults in real trainings, and see whether `ken diagnose` names each one first.

    PYTHONPATH=. python benchmarks/diagnosis.py [--part broken healthy fresh noise] [--only FAULT]

Short trainings on 1,500 pictures of MNIST or Fashion-MNIST, on one thread (`diagnosis_cases`).
Those that were not looked at while the limits were tuned are reported apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from diagnosis_cases import (
    BROKEN,
    FRESH,
    SPEED,
    Case,
    F,
    M,
    fresh_healthy,
    healthy,
    pictures,
)

import kenspeckle as ks
from kenspeckle.diagnosis.facts import Facts, findings_of
from kenspeckle.errors import NonFiniteError
from kenspeckle.evaluation.label_quality import suspects
from kenspeckle.out_of_fold import out_of_fold
from kenspeckle.recipes.choice import choose
from kenspeckle.run_examination import examine_run


def facts_of(case: Case, folder: Path) -> tuple[Facts, float]:
    """Train, and measure what `ken diagnose RUN` rests on; the seconds are those of measuring."""
    data = pictures(case)
    settings = (*SPEED, "augment.check=off", f"seed={case.variant}", *case.settings)
    try:
        run = ks.train(data, recipe="blink", settings=settings, out=folder)
    except NonFiniteError:
        run = ks.open_run(folder)
    began = time.perf_counter()
    return examine_run(run, data), time.perf_counter() - began


CLEANLAB = """
import sys, numpy as np
from cleanlab.filter import find_label_issues
f = np.load(sys.argv[1])
found = find_label_issues(
    f["labels"], f["shares"], return_indices_ranked_by="self_confidence", n_jobs=1
)
print(" ".join(map(str, found)))
"""


def noise(python: str) -> None:
    """Wrong labels planted at random: how many are found, and how many of the found are wrong.

    `python` is one that has cleanlab, "" for none; it gets the same probabilities.
    """
    print("| source | wrong labels | n | ours: precision, recall | cleanlab: precision, recall |")
    print("|---|---|---|---|---|")
    for source in (M, F):
        for share in (0.01, 0.05, 0.1):
            clean = pictures(Case(fault="", variant=0, source=source, count=3000, seed=11))
            rng = np.random.default_rng(round(1000 * share))
            chosen = rng.permutation(len(clean))[: round(share * len(clean))]
            labels = clean.labels.copy()
            labels[chosen] = (labels[chosen] + rng.integers(1, 10, len(chosen))) % 10
            data = replace(clean, labels=labels)
            settings = (*SPEED, "augment.check=off", "train.epochs=5")
            asked = choose(data, recipe="blink", settings=settings).config
            members, said = out_of_fold(data, asked)
            is_wrong = (clean.labels != labels)[members]
            ours = suspects(said.probabilities, said.labels).items
            cells = [_scores(ours, is_wrong)]
            if python:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / "said.npz"
                    np.savez(file, labels=said.labels, shares=said.probabilities)
                    done = subprocess.run(
                        [python, "-c", CLEANLAB, str(file)],
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                cells.append(_scores(np.array(done.stdout.split(), dtype=np.int64), is_wrong))
            print(f"| {source} | {share:.0%} | {len(members):,} | " + " | ".join(cells) + " |")


def _scores(found: np.ndarray, is_wrong: np.ndarray) -> str:
    right = int(is_wrong[found].sum())
    return f"{right / max(1, len(found)):.3f}, {right / is_wrong.sum():.3f} ({len(found)} found)"


def report(rows: list[tuple[Case, str, float]]) -> None:
    """Print a line for each fault; `rows` are a case, what was named first, and seconds."""
    print("| planted | named first | held out, named first |\n|---|---|---|")
    for fault in [*dict.fromkeys(case.fault for case, _, _ in rows), None]:
        mine = [row for row in rows if row[0].fault == fault or (fault is None and row[0].fault)]
        cells = [
            [said == case.fault for case, said, _ in mine if case.is_held_out == held]
            for held in (False, True)
        ]
        name = "all faults" if fault is None else fault or "nothing (right: no finding)"
        print(f"| {name} | " + " | ".join(f"{sum(c)} of {len(c)}" for c in cells) + " |")
    seconds = [taken for *_, taken in rows]
    print(f"\nMeasuring took {np.median(seconds):.1f} s in the median, {max(seconds):.1f} at most.")


def main() -> int:
    """Print a row for each fault, and what is left of the healthy runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", default=["broken", "healthy"])
    parser.add_argument("--only", nargs="+", default=[], help="faults")
    parser.add_argument("--cleanlab", default="", help="a Python that has cleanlab")
    options = parser.parse_args()
    if "noise" in options.part:
        noise(options.cleanlab)
    rows: list[tuple[Case, str, float]] = []
    cases = [
        *(BROKEN if "broken" in options.part else []),
        *(healthy() if "healthy" in options.part else []),
        *([*FRESH, *fresh_healthy()] if "fresh" in options.part else []),
    ]
    for case in cases:
        if options.only and case.fault not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            facts, seconds = facts_of(case, Path(folder) / "run")
        faults = [item.name for item in findings_of(facts) if item.is_fault]
        rows.append((case, faults[0] if faults else "", seconds))
        print(
            f"{case.fault or 'healthy'} {case.variant}: {', '.join(faults) or 'nothing'}",
            file=sys.stderr,
        )
    if rows:
        report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
