"""Handwriting that nobody prepared (seed document 004, section 6): ten digits there, pages here."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from kenspeckle.data.sources.handwriting import SOURCES, Half, Page, pages
from kenspeckle.data.sources.scenes import DISTORTIONS
from kenspeckle.evaluation.accuracy import Interval, wilson
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity, over_seeds
from kenspeckle.experiments.plan import Plan, train_seeds
from kenspeckle.figures.lines import bars
from kenspeckle.figures.style import png
from kenspeckle.inference import predict
from kenspeckle.model_file import Classifier, load
from kenspeckle.pages.sheet import draw_sheet
from kenspeckle.prediction import Prediction

COUNTED = tuple(source for source in SOURCES if source != "printed")  # handwriting, in the total
_EACH = 25  # pages of each source and distortion
_SHOWN = 20  # mistakes


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said of a page."""

    page: Page  # without its pixels
    prediction: Prediction

    @property
    def is_right(self) -> bool:
        """Whether it is the digit that was written."""
        return self.prediction.label == str(self.page.label)


def write_pages(of: Iterable[Page], folder: Path) -> list[tuple[Path, Page]]:
    """Each page as a PNG or JPEG file in `folder`, and what it is, without its pixels."""
    written = []
    for number, page in enumerate(of):
        path = folder / f"{number:05d}{'.jpg' if page.jpeg else '.png'}"
        image = Image.fromarray(page.picture)
        if page.jpeg:
            image.save(path, quality=page.jpeg)
        else:
            image.save(path, compress_level=1)
        written.append((path, replace(page, picture=page.picture[:0])))
    return written


def ask(classifier: Classifier, written: Sequence[tuple[Path, Page]]) -> list[Answer]:
    """The answers to pages that `write_pages` wrote, through the public `predict`."""
    said = predict(classifier, [path for path, _ in written])
    return [
        Answer(page=page, prediction=prediction)
        for (_, page), prediction in zip(written, said, strict=True)
    ]


def share(answers: Sequence[Answer], wanted: Callable[[Page], bool]) -> tuple[float, int, Interval]:
    """The accuracy on the pages that are `wanted`, their number and Wilson's interval."""
    these = [answer.is_right for answer in answers if wanted(answer.page)]
    right = sum(these)
    return right / len(these), len(these), wilson(right, len(these))


def handwriting(plan: Plan) -> Outcome:
    """The default recipe on the held-out half, which nothing was chosen by."""
    half: Half = "tuning" if plan.quick else "held-out"
    found = train_seeds(plan, plan.config("swift"), plan.dataset("mnist"), name="handwriting")
    folder = plan.out / "handwriting-pages"
    folder.mkdir(parents=True)
    plan.say(f"handwriting: drawing the {half} pages")
    written = write_pages(pages(half, each=1 if plan.quick else _EACH), folder)
    every = []
    for number, end in enumerate(found.ends, start=1):
        plan.say(f"handwriting: reading {len(written):,} pages, seed {number}")
        every.append(ask(load(end.run.model_file), written))
    total = _quantity(
        "handwriting, all distortions", every, lambda page: page.source in COUNTED, least=0.98
    )
    by_distortion = {
        name: _quantity(name, every, lambda page, n=name: page.distortion == n  # type: ignore[misc]
                        and page.source in COUNTED)
        for name in DISTORTIONS
    }  # fmt: skip
    worst = min(by_distortion.values(), key=lambda row: row.mean)
    return Outcome(
        quantities=(
            replace(total, headline="100 % of ten"),
            *(_quantity(name, every, lambda page, n=name: page.source == n)  # type: ignore[misc]
              for name in SOURCES),
            *by_distortion.values(),
        ),
        story=(
            f"Of {total.n:,} pages by other writers and pens, in {len(DISTORTIONS)} kinds of "
            f"trouble, {total.mean:.1%} are read; the hardest kind is {worst.name}, "
            f"{worst.mean:.1%}."
        ),
        pictures=(
            Picture(
                title="Accuracy for each distortion",
                about="A bar for each distortion of the pages, mean over the seeds.",
                png=png(
                    bars(
                        {name: row.mean for name, row in by_distortion.items()}, x="accuracy"
                    )
                ),
            ),
            Picture(
                title="Mistakes of the first seed",
                about="Pages that were read wrongly, beside what the network saw of each.",
                png=mistakes(every[0]),
            ),
        ),
        recipe=found.recipe,
        notes=(f"the {half} half; printed digits are not in the total",),
        seeds=len(found.ends),
    )  # fmt: skip


def _quantity(
    name: str,
    every: Sequence[Sequence[Answer]],
    wanted: Callable[[Page], bool],
    *,
    least: float | None = None,
) -> Quantity:
    shares = [share(answers, wanted) for answers in every]
    values = tuple(value for value, _, _ in shares)
    return Quantity(
        name=name,
        values=values,
        n=shares[0][1],
        interval=over_seeds(values, highest=1.0) or shares[0][2],
        least=least,
    )


def mistakes(answers: Sequence[Answer]) -> bytes:
    """The first mistakes as a PNG file, each under what it is."""
    wrong = [
        replace(
            answer.prediction,
            path=f"{answer.page.label} {answer.page.source}, {answer.page.distortion}",
        )
        for answer in answers
        if not answer.is_right and answer.page.source in COUNTED
    ]
    buffer = io.BytesIO()
    draw_sheet(wrong[:_SHOWN]).save(buffer, format="PNG")
    return buffer.getvalue()
