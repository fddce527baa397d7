"""The trials of a search, and who proposes the next one.

One process at a time writes for a folder, many folders may share a database. What is told is on
the disk before `tell` returns.
"""

from __future__ import annotations

import secrets
import socket
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from kenspeckle import storage
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.journal import explained, open_journal
from kenspeckle.searching.records import Outcome, Score, Trial
from kenspeckle.searching.space import Space, cells
from kenspeckle.searching.translating import (
    OUTCOME,
    REASON,
    SCORE,
    SECONDS,
    WORKER,
    assigned,
    distribution_of,
    pruner_of,
    trial_of,
)

_CLAIM, _NAME, _CHOSEN = "winner_by", "winner_at", "chosen_from"
_WORKER_FILE = "worker"  # in the folder of a search that shares a database
_LEAST = 4  # trials, below which no importance is told


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What to try next: a value as TOML for each setting."""

    number: int  # of the journal, from 0
    settings: Mapping[str, str]


class Study:
    """The trials of one search; call `close_stale` once nobody else works for this folder."""

    def __init__(
        self, folder: Path, name: str, space: Space, plan: SearchConfig, *, seed: int, epochs: int
    ) -> None:
        self._space, self._plan, self._seed, self._folder = space, plan, seed, folder
        self._worker = _worker_of(folder) if plan.storage else "the folder of the journal"
        self._distributions = {key: distribution_of(values) for key, values in space.items()}
        self._cells = cells(space) if plan.method == "grid" else []
        self._asked: dict[int, optuna.Trial] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self._explained():
            self._study = optuna.create_study(
                storage=open_journal(folder, plan.storage),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=pruner_of(plan, epochs),
            )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that ended before the winner was chosen, by whomever, in the order of beginning."""
        return tuple(trial_of(number, each) for number, each in enumerate(self._counted(), start=1))

    @property
    def late(self) -> int:
        """Trials that ended after the winner was chosen, which count for nothing."""
        return len(self._ended()) - len(self._counted())

    @property
    def elsewhere(self) -> int:
        """Trials under way in other folders, or left there by what was killed."""
        return sum(each.user_attrs.get(WORKER) != self._worker for each in self._running())

    @property
    def is_decided(self) -> bool:
        """Whether a machine has claimed the winner, so that another trial would come too late."""
        return self._claim() is not None

    @property
    def own_seconds(self) -> float:
        """That this folder has spent on trials."""
        own = (each for each in self._all() if each.user_attrs.get(WORKER) == self._worker)
        return sum(float(each.user_attrs.get(SECONDS, 0)) for each in own)

    def close_stale(self) -> None:
        """End the trials of a killed process of this folder: as it said, or as never tried."""
        with self._explained():
            for each in self._running():
                if each.user_attrs.get(WORKER) == self._worker:
                    self._end(each.number, each.user_attrs)

    def ask(self) -> Proposal | None:
        """What to try next; None where the grid is done."""
        with self._explained():
            asked = self._ask_cell() if self._plan.method == "grid" else self._ask_sampler()
            if asked is None:
                return None
            self._asked[asked.number] = asked
            settings = {
                key: assigned(asked, key, distribution)
                for key, distribution in self._distributions.items()
            }
        return Proposal(number=asked.number, settings=settings)

    def falls_behind(self, proposal: Proposal, epoch: int, accuracy: float) -> bool:
        """Take note of a validation; whether others were better at the same `epoch`."""
        trial = self._asked[proposal.number]
        with self._explained():
            trial.report(accuracy, epoch)
            return trial.should_prune()

    def tell(
        self,
        proposal: Proposal,
        outcome: Outcome,
        *,
        score: Score | None,
        seconds: float,
        reason: str = "",
    ) -> Trial:
        """End a trial; what it led to is on the disk when this returns."""
        trial = self._asked.pop(proposal.number)
        facts: dict[str, Any] = {SECONDS: seconds, REASON: reason}
        if score:
            low, high = score.interval.low, score.interval.high
            facts[SCORE] = [score.accuracy, score.n, low, high]
        facts[OUTCOME] = outcome  # last, because with it the trial counts
        with self._explained():
            for key, value in facts.items():
                trial.set_user_attr(key, value)
            self._end(trial.number, facts)
        counted = self._counted()
        own = next(each for each in self._ended() if each.number == trial.number)
        return trial_of((counted if own in counted else [*counted, own]).index(own) + 1, own)

    def importance(self) -> dict[str, float]:
        """Share of the variance of the scores by setting, largest first; {} for too few trials."""
        searched = [key for key, values in self._space.items() if len(set(values.ends)) > 1]
        done = [each for each in self._all() if each.state == TrialState.COMPLETE]
        if len(done) < _LEAST or len({each.value for each in done}) < 2 or not searched:
            return {}
        if len(searched) == 1:
            return {searched[0]: 1.0}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        with self._explained():
            found = optuna.importance.get_param_importances(
                self._study, evaluator=evaluator, params=searched
            )
        return {key: float(share) for key, share in found.items()}

    def claim_winner(self) -> str:
        """Be the one who trains the winner, or the name of the machine and folder that is.

        The winner is chosen from the trials that have ended by now, whoever claims it.
        """
        claim = self._claim()
        if claim is None:
            chosen = [each.number for each in self._ended()]
            name = f"{socket.gethostname()}:{self._folder.absolute()}"
            facts = {_CLAIM: self._worker, _NAME: name, _CHOSEN: chosen}
            with self._explained():
                # rows, which a database puts in an order that all machines see alike, so that of
                # two claims at once the first holds; an attribute would be overwritten
                self._study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=facts))
            claim = self._claim()
            assert claim is not None
        return "" if claim[_CLAIM] == self._worker else str(claim[_NAME])

    def _claim(self) -> Mapping[str, Any] | None:
        """The first one, which holds."""
        return next((each.user_attrs for each in self._all() if _CLAIM in each.user_attrs), None)

    def _end(self, number: int, facts: Mapping[str, Any]) -> None:
        """Tell Optuna what the `facts` of a trial say; without an outcome it counts for nothing."""
        outcome = facts.get(OUTCOME)
        if outcome == "done":
            self._study.tell(number, facts[SCORE][0])
        else:
            is_worse = outcome in ("pruned", "diverged")
            self._study.tell(number, state=TrialState.PRUNED if is_worse else TrialState.FAIL)

    def _counted(self) -> list[FrozenTrial]:
        claim = self._claim()
        if claim is None:
            return self._ended()
        return [each for each in self._ended() if each.number in claim[_CHOSEN]]

    def _ended(self) -> list[FrozenTrial]:
        return [
            each for each in self._all() if each.state.is_finished() and OUTCOME in each.user_attrs
        ]

    def _running(self) -> list[FrozenTrial]:
        return [each for each in self._all() if each.state == TrialState.RUNNING]

    def _all(self) -> list[FrozenTrial]:
        with self._explained():
            return self._study.get_trials(deepcopy=False)

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        if self._plan.method == "bayes":
            return optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)

    def _ask_sampler(self) -> optuna.Trial:
        asked = self._study.ask()
        asked.set_user_attr(WORKER, self._worker)
        # by what has ended and not by what was begun, so that a kill changes no proposal; but two
        # machines that begin at once are to draw two proposals
        others = sum(
            each.number < asked.number and each.user_attrs.get(WORKER) != self._worker
            for each in self._running()
            if self._plan.storage
        )
        number = len(self._ended()) + others
        self._study.sampler = self._sampler(zlib.crc32(f"{self._seed} {number}".encode()))
        return asked

    def _ask_cell(self) -> optuna.Trial | None:
        """The next cell of the grid; None where none is left."""
        while True:
            known = [self._cell(each) for each in self._all() if self._has_tried(each)]
            free = next((cell for cell in self._cells if cell not in known), None)
            if free is None:
                return None
            template = create_trial(
                state=TrialState.RUNNING,
                params=dict(free),
                distributions=self._distributions,
                user_attrs={WORKER: self._worker},
            )
            self._study.add_trial(template)
            same = [
                each for each in self._all() if self._has_tried(each) and self._cell(each) == free
            ]
            mine = next(each for each in same if each.user_attrs.get(WORKER) == self._worker)
            if mine is same[0]:
                return optuna.Trial(self._study, mine._trial_id)
            self._study.tell(mine.number, state=TrialState.FAIL)  # another machine was first

    def _cell(self, trial: FrozenTrial) -> dict[str, Any]:
        return {key: trial.params.get(key) for key in self._space}

    def _has_tried(self, trial: FrozenTrial) -> bool:
        """Whether it takes its cell of the grid; a killed trial does not."""
        return not trial.state.is_finished() or OUTCOME in trial.user_attrs

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self._folder, self._plan.storage)


def _worker_of(folder: Path) -> str:
    """Whose trials are this folder's: hosts and paths may be equal on machines made from one."""
    path = folder / _WORKER_FILE
    if not path.is_file():
        storage.make_folder(folder)
        storage.write_file(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="utf-8")
