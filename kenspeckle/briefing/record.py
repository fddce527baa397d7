"""The record from which the page of a run is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kenspeckle.diagnosis.bias_variance import BiasVariance
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.evaluation.accuracy import Measurement
from kenspeckle.evaluation.calibration import Calibration
from kenspeckle.evaluation.confusion import ConfusedPair, Confusion
from kenspeckle.evaluation.mistakes import Answer
from kenspeckle.events import EpochRecord
from kenspeckle.figures.drawable import Drawable
from kenspeckle.models.summary import ModelSummary


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A small picture and the name by which its item is found again."""

    image: NDArray[np.uint8]  # (H, W, C), at most 128 a side
    name: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """Pictures of one class, given by its label."""

    label: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What is shown of the data."""

    samples: tuple[Row, ...]  # of the training split
    augmented: tuple[Row, ...]  # the first of each row is the picture as it is
    answers: Mapping[int, Tile]  # by the place of an item in the predictions


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page: records that draw themselves, under one title."""

    title: str
    about: str  # a sentence or two; may be empty
    drawables: tuple[Drawable, ...]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The ledger in short."""

    source: str
    fingerprint: str
    size: tuple[int, int, int]  # (height, width, channels) of the pictures
    class_names: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # split, class: pictures
    excluded: Mapping[str, int]  # reason: files
    reasons: Mapping[str, str]  # what each reason means
    left_out: tuple[tuple[str, str], ...]  # the first files that are left out, with their reason
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The figures of one split, and how untouched it is."""

    measurement: Measurement
    role: str  # "untouched", "opened before" or "chosen on"
    temperature: float | None  # of the model that it was measured with; None = it tells a number


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the predictions of one split show; the page is about this split."""

    split: str
    folds: int  # the parts by which validation was told, each by a head of the others; 0 = none
    calibration: Calibration
    confusion: Confusion
    mistakes: tuple[Answer, ...]  # the surest first
    top_losses: tuple[Answer, ...]
    pairs: tuple[tuple[ConfusedPair, tuple[Answer, ...]], ...]  # the most confused


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """All that the page of a run says."""

    name: str
    path: str
    settings: Mapping[str, Any]  # recipe, source, seed and all others, as tables
    config_text: str
    environment: Mapping[str, Any]
    data: DataFacts
    epochs: tuple[EpochRecord, ...]
    kept: EpochRecord  # the epoch whose weights the model file holds
    figures: Mapping[str, Measured]  # by split: validation, and test where it was opened
    openings: int  # of the test split
    evidence: Evidence
    balance: BiasVariance | None  # None where it cannot be told
    summary: ModelSummary | None
    pictures: Pictures | None
    course: tuple[Drawable, ...]  # curves of the training
    reliability: tuple[Drawable, ...]
    inside: Sequence[Section]
    left_out: tuple[str, ...]  # of what is inside the network, and why
    notes: tuple[str, ...]  # what else is missing from the page, and why

    @property
    def shown(self) -> Measured:
        """The figures of the split that the page is about."""
        return self.figures[self.evidence.split]
