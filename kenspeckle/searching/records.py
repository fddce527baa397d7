"""What a search says of itself while it goes on, and what it led to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.evaluation.difference import Difference
from kenspeckle.figures.drawable import Drawable
from kenspeckle.pages.text import share
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.space import Values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kenspeckle.settings import RunConfig

# done: trained to its end; pruned: fell behind; diverged: NaN or infinity; refused: the settings
# contradict each other
Outcome = Literal["done", "pruned", "diverged", "refused"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """Accuracy on one split."""

    accuracy: float
    n: int
    interval: Interval

    @property
    def text(self) -> str:
        """With its interval and n."""
        return share(self.accuracy, self.interval.low, self.interval.high, self.n)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a search."""

    number: int  # from 1, in the order in which they began
    settings: Mapping[str, str]  # what was tried, as TOML
    outcome: Outcome
    score: Score | None  # on validation; of a pruned one at the epoch at which it was stopped
    seconds: float
    reason: str = ""  # of "diverged" and "refused"


@dataclass(frozen=True, kw_only=True)
class SearchStarted:
    """A search begins or goes on; `notes` are lines that the user should see."""

    folder: Path
    config: RunConfig  # before anything is tried
    plan: SearchConfig
    space: Mapping[str, Values]
    planned: int  # trials in all; 0 = as many as the minutes allow
    done: tuple[Trial, ...]  # before this session
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Working:
    """How far it is, a few times a second."""

    what: str  # such as "trial 3 of 20, epoch 2"
    share: float  # of all that is done, 0..1
    left: float | None  # seconds for the rest, the winner included; None while not measured


@dataclass(frozen=True, kw_only=True)
class Winner:
    """The best settings, trained again and measured once on the test split."""

    run: Path
    validation: Score  # of this training
    test: Score
    openings: int  # of the test split of this run
    optimism: Difference  # score that won minus test accuracy; `n` of the test split


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search led to; "interrupted" where the same call goes on."""

    folder: Path
    state: Literal["finished", "interrupted"]
    source: str
    recipe: str
    method: str
    trials: tuple[Trial, ...]
    best: Trial | None
    winner: Winner | None  # None where interrupted, or where another machine trains it
    importance: Mapping[str, float]  # share of the variance of the scores, by setting; {} = untold
    seconds: float  # of all sessions
    notes: tuple[str, ...] = ()

    @property
    def leaderboard(self) -> tuple[Trial, ...]:
        """The trials, best first; those that were stopped or failed come last."""
        return tuple(sorted(self.trials, key=merit))

    @property
    def figures(self) -> tuple[Drawable, ...]:
        """The course of the search and, where it can be told, what mattered."""
        if not any(trial.score for trial in self.trials):
            return ()
        found: list[Drawable] = [SearchHistory(trials=self.trials)]
        if self.importance:
            found.append(SettingImportance(shares=self.importance, n=len(completed(self.trials))))
        return tuple(found)

    @property
    def document(self) -> dict[str, Any]:
        """All of it as plain values."""
        found = asdict(self)
        found["folder"] = str(self.folder)
        if self.winner:
            found["winner"]["run"] = str(self.winner.run)
        return found


SearchEvent = SearchStarted | Working | Trial | SearchResult


def completed(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Those that were trained to their end."""
    return tuple(trial for trial in trials if trial.outcome == "done" and trial.score)


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The highest validation accuracy, of equal ones the first; None where none is done."""
    return min(completed(trials), key=merit, default=None)


def merit(trial: Trial) -> tuple[bool, float, int]:
    """A key that sorts the best first."""
    accuracy = trial.score.accuracy if trial.score else -1.0
    return trial.outcome != "done", -accuracy, trial.number


@dataclass(frozen=True, kw_only=True)
class SearchHistory(Drawable):
    """The score of each trial, and the best so far."""

    trials: tuple[Trial, ...]

    @property
    def title(self) -> str:
        """What it shows."""
        return "Course of the search"

    @property
    def description(self) -> str:
        """How many trials there were, and which was the best."""
        counts = {name: 0 for name in ("done", "pruned", "diverged", "refused")}
        for trial in self.trials:
            counts[trial.outcome] += 1
        parts = [f"{count} {name}" for name, count in counts.items() if count]
        best = best_of(self.trials)
        text = f"{len(self.trials)} trials ({', '.join(parts)})."
        if best and best.score:
            text += f" The best is trial {best.number}, {best.score.text} on validation."
        return text

    def figure(self) -> Figure:
        """Points of the trials, and a line of the best so far."""
        from kenspeckle.figures.search_history import search_history

        return search_history(self)


@dataclass(frozen=True, kw_only=True)
class SettingImportance(Drawable):
    """How much of the variance of the scores each setting explains (fANOVA)."""

    shares: Mapping[str, float]
    n: int  # trials that it was learned from

    @property
    def title(self) -> str:
        """What it shows."""
        return "What mattered"

    @property
    def description(self) -> str:
        """The setting that mattered most, and how much to believe it."""
        name, most = max(self.shares.items(), key=lambda item: item[1])
        return (
            f"{name} explains {most:.0%} of the variance of the scores of {self.n} trials that "
            "ran to their end, as a random forest models them within the ranges that were tried; "
            f"{self.n} trials tell the order roughly at best."
        )

    def figure(self) -> Figure:
        """A bar for each setting."""
        from kenspeckle.figures.setting_importance import setting_importance

        return setting_importance(self)
