"""Settings of a search, besides what it may try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["grid", "random", "bayes"]


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How to choose what is tried next, and when to end: at the first limit that is reached."""

    method: Method = "bayes"
    trials: int = 0  # 0 = 20 without minutes, the whole grid, or as many as minutes allow
    minutes: float = 0.0  # for all, the training and the test of the winner included; 0 = any time
    # of trials whose validation falls behind: below the median of the others at the same epoch,
    # or by successive halving
    pruning: Literal["median", "hyperband", "none"] = "median"
    storage: str = ""  # a database URL that several machines share; "" = a file in the folder

    def __post_init__(self) -> None:
        if self.method not in ("grid", "random", "bayes"):
            raise ValueError(f"method must be one of grid, random, bayes, got {self.method!r}")
        if self.pruning not in ("median", "hyperband", "none"):
            raise ValueError(
                f"pruning must be one of median, hyperband, none, got {self.pruning!r}"
            )
        if self.trials < 0:
            raise ValueError(f"trials must be 0 or more, got {self.trials}")
        if not 0 <= self.minutes < float("inf"):
            raise ValueError(f"minutes must be 0 or more, got {self.minutes}")
        if self.storage and "://" not in self.storage:
            shown = self.storage.rpartition("@")[2].partition(":")[0]  # no password
            raise ValueError(f"{shown} is no database URL, such as postgresql://user@host/name")
        name, _, place = self.storage.partition("://")
        if not name.startswith("sqlite") and place.count("@") > 1:
            raise ValueError(
                f"the {name} URL of the storage has more than one @; "
                "write one in a user or password as %40"
            )
