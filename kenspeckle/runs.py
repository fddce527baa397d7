"""Train into a run folder, and resume it after whatever stopped it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from kenspeckle import config, device, storage
from kenspeckle.conductor import work
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.ledger import ledger
from kenspeckle.data.picture_cache import Progress
from kenspeckle.device import Compute
from kenspeckle.diagnosis.label_change import label_changes, strong_operations
from kenspeckle.environment import environment
from kenspeckle.errors import DeviceError, KenspeckleError, RunError
from kenspeckle.events import Ended, Event
from kenspeckle.interruption import uninterrupted
from kenspeckle.outset import ready
from kenspeckle.recipes.choice import choose
from kenspeckle.run_data import data_of
from kenspeckle.run_folder import (
    CHECKPOINTS,
    CONFIG,
    ENVIRONMENT,
    LEDGER,
    Run,
    open_run,
    refuse_foreign,
    refuse_run,
    refuse_taken,
)
from kenspeckle.runlog import LOCK
from kenspeckle.session import Session, begin, open_session, restore_session
from kenspeckle.settings import RunConfig
from kenspeckle.stacking.lockstep import Lockstep
from kenspeckle.stacking.network import require_stackable
from kenspeckle.training import Loop, fit
from kenspeckle.views.view import View, ViewName, open_view

RUNS = Path("runs")  # where runs go unless told otherwise


def never() -> bool:
    """Do not stop before the end."""
    return False


def train(
    source: str | Path | Dataset = "mnist",
    *,
    recipe: str = "",
    model: str = "",
    settings: Iterable[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    view: ViewName = "auto",
) -> Run:
    """Train `recipe` on `source` and return the run; `settings` are texts like "train.epochs=3".

    Without a name, the recipe is the one that suits the source. `model` is a network by name, such
    as "resnet-18", instead of the recipe's; `seed` is 0 unless `settings` say otherwise. `view`
    shows how it goes: "auto" draws it in a notebook and is silent anywhere else.

    A Dataset of picture files is trained on as its path would be, read again where another size is
    needed; one in memory as it is. Raises a `KenspeckleError` that says what to do where data,
    settings or disk do not allow it.
    """
    dataset = source if isinstance(source, Dataset) else None
    if out is not None:
        refuse_taken(Path(out))  # before seconds of reading data
    with closing(open_view(view)) as shown:
        choice = choose(
            source,
            recipe=recipe,
            model=model,
            settings=settings,
            seed=seed,
            progress=shown.working,
        )
        events = training(
            choice.config, out=out, dataset=dataset, progress=shown.working, notes=choice.notes
        )
        return to_end(events, shown).run


def resume(
    run: str | Path | Run, *, dataset: Dataset | None = None, view: ViewName = "auto"
) -> Run:
    """Go on with an interrupted run to the bits that it would have had undisturbed.

    `dataset` is needed only where the run was trained on a Dataset made in memory; `view` is as
    for `train`.
    """
    path = run.path if isinstance(run, Run) else run
    with closing(open_view(view)) as shown:
        return to_end(resuming(path, dataset=dataset, progress=shown.working), shown).run


def training(
    settings: RunConfig,
    *,
    out: str | Path | None = None,
    dataset: Dataset | None = None,
    stop: Callable[[], bool] = never,
    progress: Progress | None = None,
    notes: Sequence[str] = (),
    loop: Loop | None = None,
) -> Iterator[Event]:
    """Train into a new run folder, event by event; when `stop()` is true, save and end.

    The events (kenspeckle.events) are one `Started`, an `Epoch` a few times a second, an
    `EpochRecord` after each validation, a `Stage` of transfer, and one `Ended`. Whoever asks for
    no more stops the training, without a checkpoint of the last seconds.

    `progress` hears of what goes on before the first step: decoding, features of a pretrained
    network, a download, which only the source "fashion-mnist" can cause. `notes` are shown with
    those on what was decided here. `loop` is one of a `Lockstep`, for settings that are `stacked`.
    """
    began = time.perf_counter()
    found = ready(settings, dataset=dataset, progress=progress)
    chosen, compute, data = found.settings, found.compute, found.data
    run, is_new = _new_run(settings, out)
    with storage.lock(run.path / LOCK, "training"), _removed_if_refused(run, is_new=is_new):
        refuse_run(run.path)
        leftovers = _remove_leftovers(run)
        session = open_session(
            run,
            chosen,
            compute,
            data,
            began=began,
            progress=progress,
            loop=loop or _loop(chosen),
        )
        if chosen.stacked:
            require_stackable(session.training.network, compute)
        begin(session)
        # before anything is written, because whoever stops it here finds nothing half-made
        lines = [
            *notes,
            *_read_again(dataset, data),
            *leftovers,
            *found.notes,
            *_label_changes(session),
        ]
        facts = {**environment(compute), "seed": chosen.seed, "data": data.fingerprint}
        items = ledger(data, session.splits)
        with uninterrupted():
            storage.write_json(run.path / ENVIRONMENT, facts)
            storage.write_json(run.path / LEDGER, items)
            # last of these, because a folder with it counts as a run
            reasons = "".join(f"# {line}\n" for line in found.reasons)
            storage.write_file(run.path / CONFIG, (reasons + config.dumps(chosen)).encode())
        yield from work(session, stop, lines)


def resuming(
    path: str | Path,
    *,
    dataset: Dataset | None = None,
    stop: Callable[[], bool] = never,
    progress: Progress | None = None,
    loop: Loop | None = None,
) -> Iterator[Event]:
    """Go on with the run in the folder `path`, event by event."""
    began = time.perf_counter()
    run = open_run(path)
    settings = run.config
    with storage.lock(run.path / LOCK, "training"):
        if run.is_finished:
            raise RunError(f"{run.path}: this run is finished; use `ken evaluate {run.path}`")
        leftovers = _remove_leftovers(run)
        data = data_of(run, dataset, progress)
        compute = _same_compute(run, settings)
        session = open_session(
            run,
            settings,
            compute,
            data,
            began=began,
            progress=progress,
            loop=loop or _loop(settings),
        )
        yield from work(session, stop, leftovers + restore_session(session))


def to_end(events: Iterable[Event], view: View | None = None) -> Ended:
    """Let a training go on to its last event, and return that; `view` sees them all."""
    last = None
    for last in events:
        if view:
            view.show(last)
    assert isinstance(last, Ended)
    return last


def _loop(settings: RunConfig) -> Loop:
    """How a run by itself is trained."""
    return partial(Lockstep(1).fit, 0) if settings.stacked else fit


def _read_again(dataset: Dataset | None, data: Dataset) -> list[str]:
    """A line where `data` is not the Dataset that was given."""
    if dataset is None or dataset is data:
        return []
    (_, had, across, _), (_, height, width, _) = dataset.images.shape, data.images.shape
    return [
        f"the Dataset of {had} x {across} pixels is read again from {dataset.source} at "
        f"{height} x {width}, as its path would be"
    ]


def _remove_leftovers(run: Run) -> list[str]:
    """Delete what killed writes left in the folders of the run; a line for each."""
    folders = (run.path, run.path / CHECKPOINTS)
    names = [name for folder in folders for name in storage.remove_leftovers(folder)]
    return [f"removed {name}, which an interrupted write left" for name in names]


def _label_changes(session: Session) -> list[str]:
    """A line for each operation of the augmentation that turns pictures into another class's."""
    augmentation = session.settings.augment
    data, splits = session.dataset, session.splits
    # asked first, because taking a split copies its pictures
    strong = strong_operations(augmentation, data.images.shape[1:3])
    if augmentation.check == "off" or not strong:
        return []
    found = label_changes(
        data.take(splits.train),
        data.take(splits.validation),
        augmentation,
        compute=session.compute,
        seed=session.settings.seed,
    )
    findings = [change.finding for change in found if change.is_fault]
    return [f"{item.name}: {item.evidence}; {item.advice}" for item in findings]


def _same_compute(run: Run, settings: RunConfig) -> Compute:
    """Device, precision and threads with which the run began, on which its bits depend."""
    try:
        return device.choose(settings.device, settings.precision, settings.threads)
    except DeviceError as error:
        raise DeviceError(
            f"{run.path}: this run began on {settings.device} in {settings.precision}, which this "
            "machine does not offer; go on with it on one that does, or train anew here with "
            f"`ken train --config {run.path / CONFIG} --set device=auto --set precision=auto`"
        ) from error


def _new_run(settings: RunConfig, out: str | Path | None) -> tuple[Run, bool]:
    """The run in the folder `out` or the next free one under `runs`, and whether it was made."""
    if out is not None:
        is_new = storage.make_folder(_utf8(Path(out)))
        if not is_new:
            refuse_foreign(Path(out))
        return Run(Path(out)), is_new
    source = Path(settings.source).name.partition(".")[0] or "data"
    for number in itertools.count(1):
        path = RUNS / f"{source}-{settings.recipe}-{number:03d}"
        if storage.make_folder(_utf8(path)):
            return Run(path), True
    raise AssertionError("numbers do not end")


def _utf8(path: Path) -> Path:
    """`path`, if the run log and event files can hold it."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise RunError(f"{path}: not a path in UTF-8; choose another --out") from error
    return path


@contextmanager
def _removed_if_refused(run: Run, *, is_new: bool) -> Iterator[None]:
    """Leave things as they were where a run ends before anything was written."""
    try:
        yield
    except (KenspeckleError, KeyboardInterrupt):
        with suppress(OSError):  # the error on its way says more
            if os.listdir(run.path) == [LOCK]:
                (run.path / LOCK).unlink()
                if is_new:
                    run.path.rmdir()
        raise
