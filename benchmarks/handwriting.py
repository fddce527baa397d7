"""Measure a model on handwriting that nobody prepared, by source and by distortion.

    python benchmarks/handwriting.py runs/mnist-swift-001 --half tuning --each 25 --sheet wrong.png

Without a run folder, `swift` is trained first. The half "held-out" is for the final figure: what
was chosen by looking at it is no longer measured by it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import kenspeckle as ks
from kenspeckle.data.sources.handwriting import HALVES, SOURCES, Page, pages
from kenspeckle.data.sources.scenes import DISTORTIONS
from kenspeckle.experiments.handwriting import COUNTED, Answer, ask, mistakes, share, write_pages


def table(answers: Sequence[Answer]) -> str:
    """Accuracy by distortion and source, as Markdown."""

    def cell(wanted: Callable[[Page], bool]) -> str:
        value, n, interval = share(answers, wanted)
        return f"{value:.2%} ({100 * interval.low:.1f} to {100 * interval.high:.1f}, n={n:,})"

    def row(name: str, wanted: Callable[[Page], bool]) -> str:
        cells = [cell(lambda page: page.source in COUNTED and wanted(page))]
        cells += [
            cell(lambda page, s=source: page.source == s and wanted(page)) for source in SOURCES
        ]
        return "| " + " | ".join([name, *cells]) + " |"

    head = ["distortion", " and ".join(COUNTED), *SOURCES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [row(name, lambda page, n=name: page.distortion == n) for name in DISTORTIONS]
    return "\n".join([*lines, row("**all**", lambda page: True)])


def main() -> None:
    """Train if needed, draw the pages, ask the model, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", help="a run folder; without it, swift is trained")
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument("--each", type=int, default=25, help="pages per source and distortion")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write mistakes to this picture")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = ks.open_run(arguments.run) if arguments.run else ks.train(out=Path(folder) / "swift")
        drawn = pages(arguments.half, each=arguments.each, seed=arguments.seed)
        answers = ask(ks.load(run.model_file), write_pages(drawn, Path(folder)))
    print(f"{arguments.half}, seed {arguments.seed}\n\n{table(answers)}")
    if arguments.sheet:
        arguments.sheet.write_bytes(mistakes(answers))


if __name__ == "__main__":
    main()
