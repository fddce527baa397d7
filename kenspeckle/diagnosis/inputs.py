"""The pictures that are learned from: constant ones, copies, unequal classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kenspeckle.data.dataset import Dataset
from kenspeckle.data.images import parts
from kenspeckle.diagnosis.findings import Finding

_DARK = 2.0  # levels of 255: a deviation of pixels that shows nothing
_CONSTANT_SHARE = 0.05  # of the pictures
_COPIES_SHARE = 0.2
_IMBALANCE = 5.0  # largest class over smallest
_CONTRAST = 4.0  # levels of 255, as the median of the deviations


@dataclass(frozen=True, kw_only=True)
class InputFacts:
    """Of the training split."""

    n: int
    constant: float  # share of pictures in which nothing can be seen
    contrast: float  # median over the pictures of the deviation of their pixels, levels of 255
    copies: float  # share of pictures that equal an earlier one in every pixel
    largest: tuple[str, int]  # class, pictures
    smallest: tuple[str, int]
    is_balanced: bool  # whether the training weighs the classes alike

    @property
    def imbalance(self) -> float:
        """Pictures of the largest class over those of the smallest."""
        return self.largest[1] / max(1, self.smallest[1])


def input_facts(train: Dataset, *, is_balanced: bool = False) -> InputFacts:
    """Look at all pictures of the training split."""
    spread = np.concatenate(
        [part.reshape(len(part), -1).std(axis=1, dtype=np.float32) for part in parts(train.images)]
    )
    counts = np.bincount(train.labels, minlength=len(train.class_names)).tolist()
    most, least = int(np.argmax(counts)), int(np.argmin(counts))
    return InputFacts(
        n=len(train),
        constant=float((spread < _DARK).mean()),
        contrast=float(np.median(spread)),
        copies=1 - len(np.unique(train.digests.view("V16")[:, 0])) / len(train),
        largest=(train.class_names[most], counts[most]),
        smallest=(train.class_names[least], counts[least]),
        is_balanced=is_balanced,
    )


def input_findings(found: InputFacts) -> list[Finding]:
    """What no training can make good."""
    findings = []
    if found.constant > _CONSTANT_SHARE or found.contrast < _CONTRAST:
        findings.append(
            Finding(
                name="constant inputs",
                evidence=f"{found.constant:.1%} of {found.n:,} training pictures show nothing; "
                f"the pixels of half of them deviate by {found.contrast:.2g} of 255 or less",
                why="there is nothing to see: read wrongly, or scaled to 0..1 before it was stored",
                advice="look at them with `ken data`, and store pictures as 0..255",
            )
        )
    elif found.copies > _COPIES_SHARE:
        findings.append(
            Finding(
                name="duplicated inputs",
                evidence=f"{found.copies:.1%} of {found.n:,} training pictures equal another one",
                why="the same picture many times is one picture, and counts as many",
                advice="remove the copies that `ken data` lists",
            )
        )
    if found.imbalance > _IMBALANCE and not found.is_balanced:
        findings.append(
            Finding(
                name="class imbalance",
                evidence=f"{found.largest[0]} has {found.largest[1]:,} training pictures, "
                f"{found.smallest[0]} has {found.smallest[1]:,}: {found.imbalance:.1f} to 1",
                why="the network gains more by knowing the large classes",
                advice="--set train.balance=classes",
            )
        )
    return findings
