"""Measure a model on handwriting that nobody prepared, by source and by distortion.

Every page is written to a file, PNG of 8 or 16 bits or JPEG, and read by the public `predict`:

    python benchmarks/handwriting.py runs/mnist-swift-001 --half tuning --each 25 --sheet wrong.png

Without a run folder, `swift` is trained first. The half "held-out" is for the final figure: what
was chosen by looking at it is no longer measured by it.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

import kenspeckle as ks
from kenspeckle.data.sources.handwriting import DISTORTIONS, HALVES, SOURCES, Page, pages
from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.inference import Prediction
from kenspeckle.model_file import Classifier
from kenspeckle.report.sheet import write_sheet

CHUNK = 100  # pages on disk and in memory at a time
COUNTED = tuple(source for source in SOURCES if source != "printed")  # in the total


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said of a page."""

    page: Page
    prediction: Prediction

    @property
    def is_right(self) -> bool:
        """Whether it is the label of the page."""
        return self.prediction.label == str(self.page.label)


def ask(classifier: Classifier, of: Iterable[Page]) -> list[Answer]:
    """Write each page to a file and let `predict` read it; the answers without the pictures."""
    answers = []
    rest = iter(of)
    while chunk := list(itertools.islice(rest, CHUNK)):
        with tempfile.TemporaryDirectory() as folder:
            paths = [save(page, Path(folder) / f"{n:03d}") for n, page in enumerate(chunk)]
            said = ks.predict(classifier, paths)
        for page, prediction in zip(chunk, said, strict=True):
            answer = Answer(page=replace(page, picture=page.picture[:0]), prediction=prediction)
            if answer.is_right:
                prediction = replace(prediction, picture=None, seen=None)
            answers.append(replace(answer, prediction=prediction))
    return answers


def save(page: Page, stem: Path) -> Path:
    image = Image.fromarray(page.picture)
    path = stem.with_suffix(".jpg" if page.jpeg else ".png")
    if page.jpeg:
        image.save(path, quality=page.jpeg)
    else:
        image.save(path, compress_level=1)
    return path


def share(answers: Sequence[Answer]) -> str:
    """`97.50 % (95.4 to 98.7, n=400)`."""
    if not answers:
        return "-"
    right = sum(answer.is_right for answer in answers)
    interval = wilson(right, len(answers))
    low, high = 100 * interval.low, 100 * interval.high
    return f"{right / len(answers):.2%} ({low:.1f} to {high:.1f}, n={len(answers):,})"


def table(answers: Sequence[Answer]) -> str:
    """Accuracy by source and distortion, Markdown; the printed digits are not in the totals."""

    def row(name: str, wanted: Callable[[Page], bool]) -> str:
        these = [answer for answer in answers if wanted(answer.page)]
        cells = [share([a for a in these if a.page.source == source]) for source in SOURCES]
        both = share([answer for answer in these if answer.page.source in COUNTED])
        return "| " + " | ".join([name, both, *cells]) + " |"

    head = ["distortion", " and ".join(COUNTED), *SOURCES]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [row(name, lambda page, name=name: page.distortion == name) for name in DISTORTIONS]
    return "\n".join([*lines, row("**all**", lambda page: True)])


def mistakes(answers: Sequence[Answer]) -> list[Prediction]:
    """The wrong answers, each under a name that tells what it is."""
    return [
        replace(
            answer.prediction,
            path=f"{answer.page.label} {answer.page.source}, {answer.page.distortion}",
        )
        for answer in answers
        if not answer.is_right
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", help="a run folder; without it, swift is trained")
    parser.add_argument("--half", choices=HALVES, default="tuning")
    parser.add_argument("--each", type=int, default=25, help="pages per source and distortion")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", help="write the mistakes to this picture")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = ks.open_run(arguments.run) if arguments.run else ks.train(out=Path(folder) / "swift")
        classifier = ks.load(run.model_file)
    answers = ask(classifier, pages(arguments.half, each=arguments.each, seed=arguments.seed))
    print(f"{arguments.half}, seed {arguments.seed}\n\n{table(answers)}")
    wrong = mistakes(answers)
    if arguments.sheet and wrong:
        write_sheet(Path(arguments.sheet), wrong)
        print(f"\n{len(wrong)} mistakes: {arguments.sheet}")


if __name__ == "__main__":
    main()
