"""The control: what is learned from the labels must be gone when the labels are shuffled.

(Zhang et al. 2017 shuffle labels to see what a network can learn by heart.)
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch

from kenspeckle.data.dataset import Dataset
from kenspeckle.device import generator
from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.trials import Bench, attempt
from kenspeckle.evaluation.accuracy import wilson
from kenspeckle.inference import outputs

STEPS = 100


@dataclass(frozen=True, kw_only=True)
class ShuffleControl:
    """Validation accuracy after a short training."""

    real: float
    shuffled: float
    largest: float  # share of the largest class: what guessing reaches
    n: int
    steps: int

    @property
    def is_learned(self) -> bool:
        """Whether the real labels tell more than shuffled ones."""
        real, control = (
            wilson(round(share * self.n), self.n) for share in (self.real, self.shuffled)
        )
        return real.low > max(control.high, self.largest)

    @property
    def leaks(self) -> bool:
        """Whether shuffled labels are told better than by guessing, which nothing honest can."""
        return wilson(round(self.shuffled * self.n), self.n).low > 1.5 * self.largest


def shuffle_control(
    bench: Bench, validation: Dataset, *, factor: float = 1.0, seconds: float = 3.0
) -> ShuffleControl:
    """Train two copies at `factor` of the rate, one on shuffled labels."""
    draws = generator(bench.settings.seed, "shuffled labels")
    batches = copy.copy(bench.course.batches)
    order = torch.randperm(len(batches.labels), generator=draws)
    batches.labels = batches.labels[order.to(batches.labels.device)]
    control = replace(bench, course=replace(bench.course, batches=batches))
    largest = torch.bincount(torch.from_numpy(validation.labels)).max().item()
    real, shuffled = (_accuracy(one, validation, factor, seconds) for one in (bench, control))
    return ShuffleControl(
        real=real,
        shuffled=shuffled,
        largest=largest / len(validation),
        n=len(validation),
        steps=STEPS,
    )


def shuffle_findings(found: ShuffleControl) -> list[Finding]:
    """A fault where labels teach nothing, or where shuffled ones seem to."""
    both = (
        f"after {found.steps} steps {found.real:.1%} of {found.n:,} validation pictures are told "
        f"rightly, and {found.shuffled:.1%} with shuffled labels; the largest class has "
        f"{found.largest:.1%}"
    )
    if found.leaks:
        return [
            Finding(
                name="leak between splits",
                evidence=both,
                why="shuffled labels cannot be told unless something gives them away",
                advice="look for copies and for marks of the class in the pictures",
            )
        ]
    if not found.is_learned:
        return [
            Finding(
                name="labels do not fit the pictures",
                evidence=both,
                why="the labels as they are teach no more than shuffled ones",
                advice="check that pictures and labels are read in the same order; see `ken data`",
            )
        ]
    return []


def _accuracy(bench: Bench, validation: Dataset, factor: float, seconds: float) -> float:
    trial = attempt(bench, steps=STEPS, factor=factor, seconds=seconds)
    said = bench.head.logits(outputs(trial.network, validation.images)).argmax(dim=1).numpy()
    return float((said == validation.labels).mean())
