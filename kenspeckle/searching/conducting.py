"""Search for settings: trials told by validation, the winner measured once on the test split.

A search is a folder. Whatever ends the process, the same call goes on: what was told is in the
journal, and the trial under way is begun again, or gone on with from its checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kenspeckle import storage
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress as Heard
from kenspeckle.data.sources.detect import open_dataset
from kenspeckle.errors import ConfigError, MissingExtraError
from kenspeckle.recipes.choice import choose
from kenspeckle.runlog import LOCK
from kenspeckle.runs import never
from kenspeckle.searching import winning
from kenspeckle.searching.config import SearchConfig
from kenspeckle.searching.folder import (
    RESULT,
    SEARCHES,
    TRIALS,
    WINNER,
    digest,
    identify,
    remove_others,
    require_same,
    usual_name,
)
from kenspeckle.searching.outlook import Outlook
from kenspeckle.searching.records import (
    SearchEvent,
    SearchResult,
    SearchStarted,
    Trial,
    Winner,
    Working,
    best_of,
)
from kenspeckle.searching.space import (
    Space,
    cells,
    configured,
    default_space,
    require_possible,
    typed,
)
from kenspeckle.searching.trials import Attempt, Progress, attempting, quiet
from kenspeckle.settings import RunConfig

TRIALS_USUAL = 20


def search(
    source: str | Path | Dataset = "mnist",
    *,
    recipe: str = "",
    settings: Iterable[str] = (),
    space: Space | Iterable[str] = (),
    plan: SearchConfig | None = None,
    out: str | Path | None = None,
) -> SearchResult:
    """Search for better settings of `recipe` on `source`; validation chooses, test only measures.

    `space` are texts such as "optimizer.rate=0.001..0.1(log)" or "train.batch_size=64,128", or
    what `read_space` gives; without any, what suits the recipe. `settings` hold for every trial,
    "splits.folds=5" among them. The same call goes on with a search that was stopped.
    """
    *_, result = searching(
        source, recipe=recipe, settings=settings, space=space, plan=plan, out=out
    )
    assert isinstance(result, SearchResult)
    return result


def searching(
    source: str | Path | Dataset = "mnist",
    *,
    recipe: str = "",
    settings: Iterable[str] = (),
    space: Space | Iterable[str] = (),
    plan: SearchConfig | None = None,
    out: str | Path | None = None,
    stop: Callable[[], bool] = never,
    progress: Heard | None = None,
) -> Iterator[SearchEvent]:
    """Search event by event; when `stop()` is true, keep what there is and end.

    The events are one `SearchStarted`, a `Working` a few times a second, a `Trial` when one has
    ended, and one `SearchResult`.
    """
    began, plan = time.perf_counter(), plan or SearchConfig()
    choice = choose(source, recipe=recipe, settings=settings, progress=progress)
    base = choice.config
    asked = dict(space) if isinstance(space, Mapping) else typed(space)
    wanted = asked or default_space(base)
    if plan.method == "grid" and not asked:
        raise ConfigError(
            "a grid needs values to try; give them, such as --try optimizer.rate=0.01,0.03"
        )
    require_possible(base, wanted)
    count = len(cells(wanted)) if plan.method == "grid" else 0
    planned = min(plan.trials or count or 0, count or plan.trials)
    if not planned and not plan.minutes:
        planned = count or TRIALS_USUAL
    try:
        from kenspeckle.searching.study import Study  # only who searches needs Optuna
    except ImportError as error:
        raise MissingExtraError(
            "searching needs Optuna, which is not installed; pip install 'kenspeckle[search]'"
        ) from error
    data = source
    if not isinstance(data, Dataset):
        data = open_dataset(
            base.source, data=base.data, preprocess=base.preprocess, progress=progress
        )
    folder = Path(out) if out else SEARCHES / usual_name(base)
    identity = identify(base, wanted, plan, data)
    storage.make_folder(folder)
    with storage.lock(folder / LOCK, "searching"):
        require_same(folder, identity, planned, plan)
        study = Study(
            folder,
            f"kenspeckle {digest(identity)}",
            wanted,
            plan,
            seed=base.seed,
            epochs=max(1, round(base.train.epochs or 10) * max(1, base.splits.folds)),
        )
        study.close_stale()
        yield SearchStarted(
            folder=folder,
            config=base,
            plan=plan,
            space=wanted,
            planned=planned,
            done=study.trials,
            notes=choice.notes,
        )
        job = _Job(
            folder=folder,
            base=base,
            plan=plan,
            planned=planned,
            data=data,
            study=study,
            stop=stop,
            outlook=Outlook(
                began=began,
                spent=study.own_seconds,
                minutes=plan.minutes,
                planned=planned,
                done=study.trials,
            ),
        )
        if (folder / RESULT).is_file():  # ended before, with the very same limits
            yield job.result(
                "finished", winning.read_winner(folder / WINNER, best_of(study.trials))
            )
            return
        yield from _conduct(job)


@dataclass(kw_only=True)
class _Job:
    """What the functions of this module share."""

    folder: Path
    base: RunConfig
    plan: SearchConfig
    planned: int
    data: Dataset
    study: Any  # a Study, whose module is loaded only where it is needed
    stop: Callable[[], bool]
    outlook: Outlook
    notes: list[str] = field(default_factory=list)

    def result(self, state: Any, winner: Winner | None) -> SearchResult:
        """What there is by now."""
        trials = self.study.trials
        return SearchResult(
            folder=self.folder,
            state=state,
            source=self.base.source,
            recipe=self.base.recipe,
            method=self.plan.method,
            trials=trials,
            best=best_of(trials),
            winner=winner,
            importance=self.study.importance(),
            seconds=self.outlook.seconds,
            notes=tuple(self.notes),
        )


def _conduct(job: _Job) -> Iterator[SearchEvent]:
    trials_folder = job.folder / TRIALS
    while not job.planned or len(job.study.trials) < job.planned:
        if job.stop() or job.study.is_decided or job.outlook.is_too_late:
            break
        proposal = job.study.ask()
        if proposal is None and job.study.elsewhere:
            job.notes.append(winning.others_go_on(job.study.elsewhere))
            yield job.result("finished", None)
            return
        if proposal is None:
            break
        is_whole = yield from _try(job, proposal, trials_folder)
        if not is_whole:
            break
    if job.stop():
        yield job.result("interrupted", None)
        return
    job.study.close_stale()  # of a trial that time did not suffice for
    best = best_of(job.study.trials)
    if best is None:
        raise winning.without_winner(job.folder, job.study.trials, job.plan.minutes)
    if trials_folder.exists():
        storage.remove_folder(trials_folder)
    was_decided = job.study.is_decided
    holder = job.study.claim_winner()
    best = best_of(job.study.trials)  # of those that the claim holds for
    assert best
    missing = job.planned - len(job.study.trials) if was_decided else 0
    job.notes += winning.left_out(job.study.late, missing)
    if holder:
        job.notes.append(f"the winner is trained and measured by {holder}")
        yield job.result("finished", None)
        return
    steps = winning.crowning(
        job.folder / WINNER,
        quiet(configured(job.base, best.settings)),  # so that its time can be foreseen
        best,
        dataset=job.data,
        stop=job.stop,
    )
    winner = yield from _telling(job, steps)
    if winner is None:
        yield job.result("interrupted", None)
        return
    found = job.result("finished", winner)
    storage.write_json(job.folder / RESULT, found.document)
    yield found


def _try(job: _Job, proposal: Any, folder: Path) -> Generator[SearchEvent, None, bool]:
    """One trial; False where it was stopped before its end."""
    number = len(job.study.trials) + 1
    folder = folder / f"{number:04d}-{digest(proposal.settings)[:8]}"
    remove_others(folder)
    job.outlook.begin(number)
    attempt = Attempt(outcome=None)
    steps = attempting(
        job.base,
        proposal.settings,
        folder=folder,
        dataset=job.data,
        stop=lambda: job.stop() or job.outlook.is_over,
        falls_behind=lambda epoch, accuracy: job.study.falls_behind(proposal, epoch, accuracy),
    )
    for step in steps:
        if isinstance(step, Progress):
            yield job.outlook.working(step)
        else:
            attempt = step
    if attempt.outcome is None:
        return False
    trial: Trial = job.study.tell(
        proposal,
        attempt.outcome,
        score=attempt.score,
        seconds=job.outlook.trial_seconds,
        reason=attempt.reason,
    )
    job.outlook.end(trial)
    if folder.exists():  # its figures are in the journal
        storage.remove_folder(folder)
    yield trial
    return True


def _telling(
    job: _Job, steps: Generator[float, None, Winner | None]
) -> Generator[Working, None, Winner | None]:
    while True:
        try:
            share = next(steps)
        except StopIteration as ended:
            winner: Winner | None = ended.value
            return winner
        yield job.outlook.training_winner(share)
