"""What is in a data set, what looks wrong, and what is done about it, before any training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import parts
from kenspeckle.data.ledger import excluded_files
from kenspeckle.data.listing import REASONS, Excluded
from kenspeckle.data.near_duplicates import Duplicates, near_duplicates
from kenspeckle.data.splits import SPLIT_NAMES, TRAIN, Splits
from kenspeckle.data.thumbnails import thumbnail
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.evaluation.accuracy import IMBALANCE

FEW = 500  # pictures, below which a single validation split says too little
TINY = 10  # pictures of a class, below which nothing can be said about it
_LISTED = 4  # names in a finding
_NOTES = {  # what `decode` did with a picture
    "animated": ("animated", "their first frame is used"),
    "16-bit": ("with 16 bits a channel", "scaled to 8 bits"),
    "cmyk": ("in CMYK", "turned into RGB"),
    "palette": ("with a palette", "turned into RGB"),
    "alpha": ("with transparency", "laid on white or black, whichever contrasts more"),
    "rotated": ("that EXIF says to rotate", "rotated, in training and in prediction alike"),
    "wrong-suffix": ("whose suffix is not of their format", "read by their content"),
}


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """The facts about a data set."""

    source: str
    items: int
    size: tuple[int, int, int]  # (height, width, channels) in which they are trained on
    class_names: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # split, class: pictures
    excluded: tuple[Excluded, ...]
    widths: tuple[int, int, int] | None  # least, median and largest of the files; None: no files
    heights: tuple[int, int, int] | None
    formats: Mapping[str, int]
    modes: Mapping[str, int]
    notes: Mapping[str, int]  # such as rotated, alpha, animated
    duplicates: Duplicates  # groups of indices
    names: tuple[str, ...]  # of the items
    mean_image: NDArray[np.uint8]  # (H, W, C)
    findings: tuple[Finding, ...]

    @property
    def imbalance(self) -> float:
        """Pictures of the largest class over those of the smallest, in training."""
        return _imbalance(self.counts[TRAIN])


def _imbalance(counts: Mapping[str, int]) -> float:
    return max(counts.values()) / max(1, min(counts.values()))


def inspect(dataset: Dataset, splits: Splits) -> Inspection:
    """Look at all pictures of `dataset`; the test split is counted, not learned from."""
    origin = dataset.origin
    pictures = origin.pictures if origin else ()
    counts = {
        name: dict(
            zip(
                dataset.class_names,
                np.bincount(
                    dataset.labels[splits.indices(name)], minlength=len(dataset.class_names)
                ).tolist(),
                strict=True,
            )
        )
        for name in SPLIT_NAMES
    }
    names = tuple(picture.name for picture in pictures) or tuple(
        f"item {number}" for number in range(len(dataset))
    )
    if origin:
        duplicates = origin.duplicates
    else:
        thumbnails = np.stack([thumbnail(image) for image in dataset.images])
        duplicates = near_duplicates(thumbnails, dataset.digests)
    excluded = tuple(excluded_files(dataset, splits))
    total = sum(part.sum(axis=0, dtype=np.int64) for part in parts(dataset.images))
    found = Inspection(
        source=dataset.source,
        items=len(dataset),
        size=dataset.images.shape[1:],
        class_names=dataset.class_names,
        counts=counts,
        excluded=excluded,
        widths=_spread([picture.width for picture in pictures]),
        heights=_spread([picture.height for picture in pictures]),
        formats=dict(Counter(picture.format for picture in pictures).most_common()),
        modes=dict(Counter(picture.mode for picture in pictures).most_common()),
        notes=dict(Counter(note for picture in pictures for note in picture.notes).most_common()),
        duplicates=duplicates,
        names=names,
        mean_image=np.asarray(np.round(total / len(dataset)), dtype=np.uint8),
        findings=(),
    )
    return replace(found, findings=tuple(_findings(found, dataset)))


def _spread(values: Sequence[int]) -> tuple[int, int, int] | None:
    if not values:
        return None
    return min(values), int(np.median(values)), max(values)


def _findings(found: Inspection, dataset: Dataset) -> list[Finding]:
    return [
        *excluded_findings([(item.name, item.reason) for item in found.excluded]),
        *_of_duplicates(found, dataset),
        *class_findings(found.counts, items=found.items),
        *note_findings(found.notes),
    ]


def excluded_findings(excluded: Sequence[tuple[str, str]]) -> list[Finding]:
    """For each reason, which files are left out; `excluded` are names with reasons."""
    reasons = Counter(reason for _, reason in excluded)
    return [
        Finding(
            name=f"{_count(number, 'file')}: {REASONS[reason]}",
            evidence=_listed([name for name, why in excluded if why == reason]),
            advice=f"left out as {reason}; data.json of every run names each",
        )
        for reason, number in reasons.most_common()
    ]


def _of_duplicates(found: Inspection, dataset: Dataset) -> list[Finding]:
    exact, near = found.duplicates.exact, found.duplicates.near
    findings = []
    if exact:
        findings.append(
            Finding(
                name=f"{_count(sum(map(len, exact)) - len(exact), 'exact copy', 'exact copies')}",
                evidence=_groups_listed(found, exact),
                advice="copies stay together in one split",
            )
        )
    alike = [group for group in near if group not in set(exact)]
    if alike:
        findings.append(
            Finding(
                name=f"{_count(len(alike), 'group')} of nearly equal pictures",
                evidence=_groups_listed(found, alike),
                advice="they stay together in one split"
                if dataset.groups is not None
                else "look at them: one in training makes the other in test too easy",
            )
        )
    mixed = [group for group in near if len(set(dataset.labels[list(group)].tolist())) > 1]
    if mixed:
        findings.append(
            Finding(
                name=f"{_count(len(mixed), 'group')} of nearly equal pictures in several classes",
                evidence=_groups_listed(found, mixed),
                advice="look whether their labels are right; they are used as they are",
            )
        )
    return findings


def class_findings(counts: Mapping[str, Mapping[str, int]], *, items: int) -> list[Finding]:
    """Unequal or tiny classes and few pictures; `counts` are by split and class."""
    findings = []
    learned = counts[TRAIN]
    totals = {name: sum(counts[split][name] for split in SPLIT_NAMES) for name in learned}
    imbalance = _imbalance(learned)
    if len(learned) == 1:
        (name,) = learned
        findings.append(
            Finding(
                name=f"one class alone: {name}",
                evidence=f"all {items:,} pictures are {name}",
                advice="a classifier needs two classes or more; add pictures of what it is to be "
                "told from",
            )
        )
    if imbalance > IMBALANCE:
        most, least = max(learned, key=learned.__getitem__), min(learned, key=learned.__getitem__)
        findings.append(
            Finding(
                name=f"imbalance: {most} has {imbalance:.1f} times the pictures of {least}",
                evidence=f"{learned[most]:,} against {learned[least]:,} to train on",
                advice="balanced accuracy and macro F1 are printed beside accuracy; "
                "--balance weighs the classes alike",
            )
        )
    tiny = [name for name, total in totals.items() if total < TINY]
    if tiny:
        findings.append(
            Finding(
                name=f"{_count(len(tiny), 'class', 'classes')} with fewer than {TINY} pictures",
                evidence=_listed([f"{name} ({totals[name]})" for name in tiny]),
                advice="they are trained on, but no figure for one of them means anything; "
                "add pictures or join classes",
            )
        )
    if items < FEW:
        findings.append(
            Finding(
                name=f"few pictures: {items}",
                evidence=f"fewer than {FEW}: a single validation split would say little",
                advice="a pretrained network is validated by k-fold, each picture once",
            )
        )
    return findings


def note_findings(notes: Mapping[str, int]) -> list[Finding]:
    """What decoding did with pictures; `notes` are counted."""
    return [
        Finding(
            name=f"{_count(number, 'picture')} {_NOTES[note][0]}",
            evidence="",
            advice=_NOTES[note][1],
            is_fault=False,
        )
        for note, number in notes.items()
    ]


def _groups_listed(found: Inspection, groups: Sequence[Sequence[int]]) -> str:
    first = [" = ".join(found.names[item] for item in group[:3]) for group in groups[:2]]
    rest = len(groups) - len(first)
    return "; ".join(first) + (f" and {_count(rest, 'group')} more" if rest > 0 else "")


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest:,} more" if rest > 0 else "")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
