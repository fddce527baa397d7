"""Tables of a page: confusion with shades, classes with their intervals, the longest ones cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kenspeckle.evaluation.accuracy import ClassFigures
from kenspeckle.evaluation.confusion import Confusion

MOST = 20  # classes in one table
_RIGHT = (0.5, 0.7, 0.85, 0.95, 0.99)  # shares of a class from which the shade is the next
_WRONG = (0.005, 0.02, 0.06, 0.15)
_STARTS = (0.98, 0.95, 0.9, 0.8, 0.7, 0.5, 0.25, 0.0)  # of the scale of recalls


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A count and the class of its shade."""

    count: int
    shade: str  # r0 to r5 on the diagonal, w1 to w5 beside it, "" where there is nothing


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """The confusion table, of all classes or of those with the most mistakes."""

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    others: tuple[int, ...] | None  # told as classes outside; None where all classes are shown
    n: tuple[int, ...]
    classes: int  # of the model
    mistakes: int  # between the classes shown
    of: int  # mistakes in all


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """A class with its recall as places on a scale, in per cent of its width."""

    figures: ClassFigures
    low: float
    place: float
    high: float


@dataclass(frozen=True, kw_only=True)
class ClassTable:
    """All classes, and those with the lowest recall where they are many."""

    rows: tuple[ClassRow, ...]
    worst: tuple[ClassRow, ...]  # empty where all fit into one table
    start: float  # recall at the left end of the scale; the right end is 1


@dataclass(frozen=True, kw_only=True)
class CountTable:
    """Pictures of each class by split."""

    splits: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    totals: tuple[int, ...]
    extremes: tuple[tuple[str, tuple[int, ...]], ...]  # of many classes: the largest and smallest


def matrix(found: Confusion) -> Matrix:
    """Rows are labels; beyond `MOST` classes only those with the most mistakes."""
    part = found.part(MOST)
    is_whole = len(part.labels) == len(found.class_names)
    return Matrix(
        names=tuple(found.class_names[label] for label in part.labels),
        rows=tuple(
            tuple(_cell(count, n, is_right=row == column) for column, count in enumerate(counts))
            for row, (counts, n) in enumerate(
                zip(part.counts.tolist(), part.n.tolist(), strict=True)
            )
        ),
        others=None if is_whole else tuple(part.others.tolist()),
        n=tuple(part.n.tolist()),
        classes=len(found.class_names),
        mistakes=part.mistakes,
        of=found.mistakes,
    )


def _cell(count: int, n: int, *, is_right: bool) -> Cell:
    if not count:
        return Cell(count=0, shade="")
    share = count / n
    if is_right:
        return Cell(count=count, shade=f"r{sum(share >= least for least in _RIGHT)}")
    return Cell(count=count, shade=f"w{1 + sum(share >= least for least in _WRONG)}")


def class_table(per_class: Sequence[ClassFigures]) -> ClassTable:
    """In the order of the classes; the worst by recall where they are more than `MOST`."""
    lowest = min((row.interval.low for row in per_class if row.n), default=0.0)
    start = next(start for start in _STARTS if start <= lowest)
    rows = tuple(_class_row(row, start) for row in per_class)
    worst: tuple[ClassRow, ...] = ()
    if len(rows) > MOST:
        present = [row for row in rows if row.figures.n]
        worst = tuple(sorted(present, key=lambda row: row.figures.recall)[:MOST])
    return ClassTable(rows=rows, worst=worst, start=start)


def _class_row(figures: ClassFigures, start: float) -> ClassRow:
    def place(value: float) -> float:
        return round(100 * max(0.0, value - start) / (1 - start), 2)

    recall = 0.0 if math.isnan(figures.recall) else figures.recall
    low, high = figures.interval.low, figures.interval.high
    return ClassRow(figures=figures, low=place(low), place=place(recall), high=place(high))


def count_table(counts: Mapping[str, Mapping[str, int]], names: Sequence[str]) -> CountTable:
    """By class; `counts` are by split and class."""
    splits = tuple(counts)
    rows = tuple((name, tuple(counts[split][name] for split in splits)) for name in names)
    extremes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    if len(rows) > MOST:
        ordered = sorted(rows, key=lambda row: -sum(row[1]))
        extremes = (*ordered[:5], *ordered[-5:])
    totals = tuple(sum(row[1][place] for row in rows) for place in range(len(splits)))
    return CountTable(splits=splits, rows=rows, totals=totals, extremes=extremes)
