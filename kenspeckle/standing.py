"""How configurations stand to each other after a comparison, in records and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.evaluation.comparison import LEAST, MANY, Comparison, alike
from kenspeckle.figures.drawable import Drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two configurations by name, and how the second compares with the first."""

    first: str
    second: str
    comparison: Comparison
    adjusted: float  # p of the paired t test, by Holm where there are several pairs

    @property
    def verdict(self) -> str:
        """In a sentence, with the numbers."""
        found = self.comparison
        interval = found.interval
        if interval is None:
            return (
                f"{self.second} and {self.first} are not distinguishable: {_seeds(found.seeds)} "
                f"can claim nothing, at least {LEAST} are needed"
            )
        if found.verdict == "not distinguishable":
            return (
                f"{self.second} and {self.first} are not distinguishable with "
                f"{_seeds(found.seeds)} ({_points(interval)} points); {self._outlook()}"
            )
        ends = sorted((abs(interval.low), abs(interval.high)))
        return (
            f"{self.second} is {found.verdict} than {self.first} "
            f"by {ends[0] * 100:.2f} to {ends[1] * 100:.2f} points"
        )

    def _outlook(self) -> str:
        found = self.comparison
        seen = f"{_seeds(found.seeds)} see a difference of {found.visible * 100:.2f}"
        if found.needed >= MANY:
            return f"{seen} with a chance of 80 %, and no number would see one so close to zero"
        more = max(1, found.needed - found.seeds)
        return (
            f"about {more:,} more would be needed to see a difference of "
            f"{abs(found.difference) * 100:.2f} with a chance of 80 % ({seen})"
        )


@dataclass(frozen=True, kw_only=True)
class Standing(Drawable):
    """What a comparison found."""

    names: tuple[str, ...]
    accuracies: tuple[tuple[float, ...], ...]  # of each name, seed by seed
    pairs: tuple[Pair, ...]  # each two of them, in the order of the names
    source: str
    split: str  # "validation" or "test"
    by_folds: bool  # each picture was told by a network that has not seen it
    openings: int  # of the test split, at most of any run; 0 for validation

    @property
    def seeds(self) -> int:
        """How many each was trained with."""
        return len(self.accuracies[0])

    @property
    def n(self) -> int:
        """Pictures that each accuracy is of."""
        return self.pairs[0].comparison.n

    @property
    def order(self) -> tuple[int, ...]:
        """Indices of the names, the best mean first."""
        means = [float(np.mean(values)) for values in self.accuracies]
        return tuple(sorted(range(len(means)), key=lambda index: -means[index]))

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names that cannot be told apart from each other, the best group first."""
        ranked = [self.names[index] for index in self.order]
        different = [
            (ranked.index(pair.first), ranked.index(pair.second))
            for pair in self.pairs
            if pair.comparison.verdict != "not distinguishable"
        ]
        return tuple(
            tuple(ranked[member] for member in group) for group in alike(len(ranked), different)
        )

    @property
    def leading(self) -> Pair:
        """The only pair, or the best two."""
        best = {self.names[index] for index in self.order[:2]}
        return next(pair for pair in self.pairs if {pair.first, pair.second} == best)

    @property
    def claim(self) -> str:
        """What the verdict is about, and what it is not."""
        how = " by folds" if self.by_folds else ""
        text = (
            f"the claim is about other seeds of the same training pictures, told by the same "
            f"{self.n:,} pictures ({self.split}{how}); other splits were not tried"
        )
        found = self.leading.comparison.generalised
        if found is None or len(self.pairs) > 1:
            return text
        certain = "contains zero" if found.low <= 0 <= found.high else "is clear of zero"
        return (
            f"{text}. For other seeds and other pictures of the kind, the difference is "
            f"{_points(found)} points, which {certain}"
        )

    @property
    def title(self) -> str:
        """A few words."""
        return "Differences seed by seed"

    @property
    def description(self) -> str:
        """The verdict of each pair, and what it is about."""
        return "; ".join(pair.verdict for pair in self.pairs) + f". Of this, {self.claim}."

    def figure(self) -> Figure:
        """Paired differences by seed with their mean and interval."""
        from kenspeckle.figures.differences import seed_differences

        return seed_differences(self)


def _points(interval: Interval) -> str:
    return f"{interval.low * 100:+.2f} to {interval.high * 100:+.2f}"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
