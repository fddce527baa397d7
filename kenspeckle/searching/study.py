"""The journal of trials, and who proposes the next one: the one module that needs Optuna.

The journal is a file that one process at a time writes, or a database that many machines share.
What is told is on the disk before `tell` returns.
"""

from __future__ import annotations

import os
import socket
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kenspeckle.errors import ConfigError, KenspeckleError, MissingExtraError, StorageError
from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.records import Outcome, Score, Trial
from kenspeckle.searching.space import Choices, Range, Space, cells

try:
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, TrialState
    from sqlalchemy.exc import SQLAlchemyError
except ImportError as error:
    raise MissingExtraError(
        "searching needs Optuna, which is not installed; pip install 'kenspeckle[search]'"
    ) from error

JOURNAL = "journal.log"  # in the folder of the search
_OUTCOME, _SCORE, _SECONDS, _REASON, _WORKER = "outcome", "score", "seconds", "reason", "worker"
_CLAIM = "winner_by"
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
        self._space, self._plan, self._seed = space, plan, seed
        self._worker = f"{socket.gethostname()}:{folder.absolute()}"
        self._distributions = {key: _distribution(values) for key, values in space.items()}
        self._cells = cells(space) if plan.method == "grid" else []
        self._asked: dict[int, optuna.Trial] = {}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _explained(plan.storage or str(folder / JOURNAL), is_url=bool(plan.storage)):
            self._study = optuna.create_study(
                storage=_storage(folder, plan.storage),
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=_pruner(plan, epochs),
            )

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All that ended, by whomever, in the order in which they began."""
        return tuple(_trial(number, each) for number, each in enumerate(self._ended(), start=1))

    @property
    def own_seconds(self) -> float:
        """That this folder has spent on trials."""
        own = (each for each in self._all() if each.user_attrs.get(_WORKER) == self._worker)
        return sum(float(each.user_attrs.get(_SECONDS, 0)) for each in own)

    def close_stale(self) -> None:
        """End the trials of a killed process of this folder: as it said, or as never tried."""
        with self._explained():
            for each in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if each.user_attrs.get(_WORKER) == self._worker:
                    self._end(each.number, each.user_attrs)

    def ask(self) -> Proposal | None:
        """What to try next; None where the grid is done."""
        ended = len(self.trials)
        # by what has ended and not by what was begun, so that a kill changes no proposal
        self._study.sampler = self._sampler(zlib.crc32(f"{self._seed} {ended}".encode()))
        with self._explained():
            if self._plan.method == "grid" and not self._enqueue_cell():
                return None
            asked = self._study.ask()
            asked.set_user_attr(_WORKER, self._worker)
            self._asked[asked.number] = asked
            settings = {
                key: _assigned(asked, key, distribution)
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
        facts: dict[str, Any] = {_SECONDS: seconds, _REASON: reason}
        if score:
            low, high = score.interval.low, score.interval.high
            facts[_SCORE] = [score.accuracy, score.n, low, high]
        facts[_OUTCOME] = outcome  # last, because with it the trial counts
        with self._explained():
            for key, value in facts.items():
                trial.set_user_attr(key, value)
            self._end(trial.number, facts)
        numbers = [each.number for each in self._ended()]
        return self.trials[numbers.index(trial.number)]

    def importance(self) -> dict[str, float]:
        """Share of the variance of the scores by setting, largest first; {} for too few trials."""
        searched = [key for key, values in self._space.items() if len(set(values.ends)) > 1]
        done = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
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
        """Be the one who trains the winner, or the name of the machine and folder that is."""
        with self._explained():
            holder = self._study.user_attrs.get(_CLAIM, self._worker)
            if holder == self._worker:
                self._study.set_user_attr(_CLAIM, self._worker)
        return "" if holder == self._worker else str(holder)

    def _end(self, number: int, facts: Mapping[str, Any]) -> None:
        """Tell Optuna what the `facts` of a trial say; without an outcome it counts for nothing."""
        outcome = facts.get(_OUTCOME)
        if outcome == "done":
            self._study.tell(number, facts[_SCORE][0])
        else:
            is_worse = outcome in ("pruned", "diverged")
            self._study.tell(number, state=TrialState.PRUNED if is_worse else TrialState.FAIL)

    def _ended(self) -> list[FrozenTrial]:
        return [
            each for each in self._all() if each.state.is_finished() and _OUTCOME in each.user_attrs
        ]

    def _all(self) -> list[FrozenTrial]:
        with self._explained():
            return self._study.get_trials(deepcopy=False)

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        if self._plan.method == "bayes":
            return optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)

    def _enqueue_cell(self) -> bool:
        """Have the next cell of the grid asked for; False where none is left."""
        # a killed trial has not tried its cell
        tried = [
            each
            for each in self._all()
            if not each.state.is_finished() or _OUTCOME in each.user_attrs
        ]
        if any(each.state == TrialState.WAITING for each in tried):
            return True
        known = [
            {key: values.get(key) for key in self._space}
            for values in (each.params for each in tried)
        ]
        free = next((cell for cell in self._cells if cell not in known), None)
        if free is not None:
            self._study.enqueue_trial(free)
        return free is not None

    def _explained(self) -> Any:
        return _explained(self._plan.storage or JOURNAL, is_url=bool(self._plan.storage))


def _trial(number: int, frozen: FrozenTrial) -> Trial:
    facts = frozen.user_attrs
    score = None
    if _SCORE in facts:
        accuracy, n, low, high = facts[_SCORE]
        score = Score(accuracy=accuracy, n=n, interval=Interval(low=low, high=high))
    return Trial(
        number=number,
        settings={
            key: str(value) if isinstance(value, str) else repr(value)
            for key, value in frozen.params.items()
        },
        outcome=facts[_OUTCOME],
        score=score,
        seconds=facts[_SECONDS],
        reason=facts[_REASON],
    )


def _distribution(values: Range | Choices) -> BaseDistribution:
    if isinstance(values, Choices):
        return CategoricalDistribution(values.values)
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _assigned(trial: optuna.Trial, key: str, distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return str(trial.suggest_categorical(key, distribution.choices))
    if isinstance(distribution, IntDistribution):
        return repr(
            trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
        )
    assert isinstance(distribution, FloatDistribution)
    return repr(trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log))


def _pruner(plan: SearchConfig, epochs: int) -> optuna.pruners.BasePruner:
    if plan.pruning == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5)
    if plan.pruning == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs)
    return optuna.pruners.NopPruner()


def _storage(folder: Path, url: str) -> Any:
    if url:
        try:
            return RDBStorage(url)
        except ImportError as error:
            raise ConfigError(
                f"the storage needs a driver that is not installed: {error}; "
                "for PostgreSQL, pip install psycopg2-binary"
            ) from error
    journal = folder / JOURNAL
    if journal.is_symlink():
        raise StorageError(f"{journal}: the journal is a link, which may lead anywhere; remove it")
    # whoever was killed in the middle of a line has told nobody that it was written
    if journal.is_file() and not (data := journal.read_bytes()).endswith(b"\n"):
        os.truncate(journal, data.rfind(b"\n") + 1)
    for leftover in folder.glob(f"{JOURNAL}.*"):  # locks: we alone work here
        leftover.unlink()
    return JournalStorage(JournalFileBackend(str(journal)))


@contextmanager
def _explained(name: str, *, is_url: bool) -> Iterator[None]:
    """Turn failing reads and writes into one line, which shows no password."""
    shown = f"{name.partition(':')[0]} database" if is_url else name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what is experimental in Optuna
            yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        first = next(iter(str(error.__cause__ or error).splitlines()), "")
        raise StorageError(f"the {shown} of the search cannot be used: {first}") from error
    except KenspeckleError:
        raise
    except (OSError, ValueError, KeyError) as error:
        if is_url:
            raise
        raise StorageError(
            f"{shown}: the journal of the search cannot be used: {error}; restore it, or choose "
            "another folder"
        ) from error
