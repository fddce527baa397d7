"""Settings and trials as Optuna has them, and as a search has them."""

from __future__ import annotations

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from kenspeckle.evaluation.accuracy import Interval
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.records import Score, Trial
from kenspeckle.searching.space import Choices, Range

# the facts of a trial beside its settings
OUTCOME, SCORE, SECONDS, REASON, WORKER = "outcome", "score", "seconds", "reason", "worker"


def trial_of(number: int, frozen: FrozenTrial) -> Trial:
    """One that has ended, as the `number`th of the search."""
    facts = frozen.user_attrs
    score = None
    if SCORE in facts:
        accuracy, n, low, high = facts[SCORE]
        score = Score(accuracy=accuracy, n=n, interval=Interval(low=low, high=high))
    return Trial(
        number=number,
        settings={
            key: str(value) if isinstance(value, str) else repr(value)
            for key, value in frozen.params.items()
        },
        outcome=facts[OUTCOME],
        score=score,
        seconds=facts[SECONDS],
        reason=facts[REASON],
    )


def distribution_of(values: Range | Choices) -> BaseDistribution:
    """Where Optuna draws a setting from."""
    if isinstance(values, Choices):
        return CategoricalDistribution(values.values)
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def assigned(trial: optuna.Trial, key: str, distribution: BaseDistribution) -> str:
    """What `trial` has for the setting `key`, as TOML."""
    if isinstance(distribution, CategoricalDistribution):
        return str(trial.suggest_categorical(key, distribution.choices))
    if isinstance(distribution, IntDistribution):
        return repr(
            trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
        )
    assert isinstance(distribution, FloatDistribution)
    return repr(trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log))


def pruner_of(plan: SearchConfig, epochs: int) -> optuna.pruners.BasePruner:
    """Who says that a trial falls behind."""
    if plan.pruning == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5)
    if plan.pruning == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs)
    return optuna.pruners.NopPruner()
