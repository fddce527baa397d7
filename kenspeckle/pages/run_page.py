"""The page of a run. Nothing here computes a result or imports torch."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kenspeckle.pages.html import environment
from kenspeckle.pages.illustrations import Illustration, Thumbnail, illustrated, thumbnail
from kenspeckle.pages.tables import class_table, count_table, matrix
from kenspeckle.pages.text import percent, share
from kenspeckle.pages.verdict import verdict

if TYPE_CHECKING:
    from kenspeckle.briefing.record import Briefing, Row
    from kenspeckle.evaluation.accuracy import Measurement
    from kenspeckle.evaluation.mistakes import Answer
    from kenspeckle.figures.drawable import Drawable
    from kenspeckle.models.summary import LayerRow

GALLERY = 72  # mistakes that are shown


@dataclass(frozen=True, kw_only=True)
class ShownAnswer:
    """An answer in words, with its picture where there is one."""

    label: str
    predicted: str
    probability: str
    loss: str
    is_right: bool
    item: str  # the name of the picture
    picture: Thumbnail | None


def run_page(found: Briefing) -> str:
    """One self-contained HTML page."""
    made = environment()
    made.filters["percent"] = percent
    made.filters["accuracy"] = _accuracy
    made.filters["shape"] = _shape
    made.filters["quoted"] = shlex.quote
    gallery = sorted(found.evidence.mistakes[:GALLERY], key=lambda a: (a.label, -a.probability))
    pictures = found.pictures
    return made.get_template("run.html").render(
        run=found,
        names=found.data.class_names,
        verdict=verdict(found),
        matrix=matrix(found.evidence.confusion),
        classes=class_table(found.shown.measurement.per_class),
        counts=count_table(found.data.counts, found.data.class_names),
        course=_illustrated(found.course),
        reliability=_illustrated(found.reliability),
        inside=[(part, _illustrated(part.drawables)) for part in found.inside],
        top_losses=_answers(found, found.evidence.top_losses),
        gallery=_answers(found, gallery),
        pairs=[(pair, _answers(found, answers)) for pair, answers in found.evidence.pairs],
        samples=_rows(pictures.samples) if pictures else [],
        augmented=_rows(pictures.augmented) if pictures else [],
        is_photographic=bool(pictures and max(found.data.size[:2]) > 64),
    )


def _accuracy(measured: Measurement) -> str:
    interval = measured.interval
    return share(measured.accuracy, interval.low, interval.high, measured.n)


def _shape(row: LayerRow) -> str:
    """Height x width x channels, as papers write it."""
    shape = row.shape if len(row.shape) < 3 else (*row.shape[1:], row.shape[0])
    return " x ".join(map(str, shape))


def _illustrated(drawables: Sequence[Drawable]) -> list[Illustration]:
    return [illustrated(item) for item in drawables]


def _rows(rows: Sequence[Row]) -> list[tuple[int, list[Thumbnail]]]:
    return [(row.label, [thumbnail(tile) for tile in row.tiles]) for row in rows]


def _answers(found: Briefing, answers: Sequence[Answer]) -> list[ShownAnswer]:
    names = found.data.class_names
    tiles = found.pictures.answers if found.pictures else {}
    return [
        ShownAnswer(
            label=names[answer.label],
            predicted=names[answer.predicted],
            probability=percent(answer.probability, 0),
            loss=f"{answer.loss:.2f}",
            is_right=answer.is_right,
            item=tiles[answer.item].name if answer.item in tiles else "",
            picture=thumbnail(tiles[answer.item]) if answer.item in tiles else None,
        )
        for answer in answers
    ]
