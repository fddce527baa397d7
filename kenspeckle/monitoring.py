"""What goes to TensorBoard while a session trains."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle import config
from kenspeckle.data.batches import Batch
from kenspeckle.data.evenly import evenly
from kenspeckle.evaluation.accuracy import measure
from kenspeckle.evaluation.confusion import confusion
from kenspeckle.evaluation.mistakes import mistakes
from kenspeckle.event_files import EventFiles, Setting
from kenspeckle.events import EpochRecord
from kenspeckle.explain.histograms import layer_histograms
from kenspeckle.models.summary import summarize
from kenspeckle.pages.confusion_sheet import confusion_sheet
from kenspeckle.pages.grid import grid, png
from kenspeckle.pages.mistake_sheet import Mistake, mistake_sheet
from kenspeckle.predictions import Predictions
from kenspeckle.recipes.catalog import RECIPES
from kenspeckle.session import Session
from kenspeckle.settings import RunConfig
from kenspeckle.training import Epoch

_COLUMNS = 8


def write_start(session: Session, events: EventFiles) -> None:
    """Settings, the graph, the pictures of the first batch as augmented, the first histograms."""
    settings, batches = session.settings, session.batches
    now = time.time()
    events.text("configuration", f"```toml\n{config.dumps(settings)}\n```", time=now)
    events.settings(hyper_parameters(settings), time=now)
    if settings.monitor.graph == "on":
        summary = summarize(
            settings.model, shape=session.input_shape, outputs=session.head.outputs, on="cpu"
        )
        events.graph(summary.rows, time=now)
    if settings.monitor.pictures:
        first = next(batches.epoch(0)).images[: settings.monitor.pictures]
        pixels = first.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        _picture(events, "train", "first batch", 0, grid(pixels, columns=_COLUMNS))
    write_histograms(session, events)


def write_epoch(session: Session, events: EventFiles, epoch: Epoch, record: EpochRecord) -> None:
    """Curves of both splits, and histograms."""
    now = time.time()
    first = epoch.step - len(epoch.losses) + 1
    for step, loss in enumerate(epoch.losses, start=first):
        events.scalars("train", step, {"loss per step": loss}, time=now)
    train = {"loss": record.loss, "accuracy": record.accuracy, "rate": record.rate}
    events.scalars("train", epoch.step, train, time=now)
    validation = {"loss": record.validation_loss, "accuracy": record.validation_accuracy}
    events.scalars("validation", epoch.step, validation, time=now)
    write_histograms(session, events)
    events.flush()


def write_validation(session: Session, events: EventFiles, made: Predictions) -> None:
    """The confusion matrix, and the mistakes that were believed in most."""
    most = session.settings.monitor.pictures
    if not most:
        return
    measured, step, names = measure(made), session.training.total, made.class_names
    about = f"step {step:,}: {measured.accuracy:.2%} of {measured.n:,} validation pictures right"
    sheet = confusion_sheet(confusion(made).counts, names, title=about)
    _picture(events, "validation", "confusion matrix", step, sheet)
    wrong = mistakes(made)
    if not wrong:
        return
    chosen = wrong[:most]
    items = _validated(session)[[answer.item for answer in chosen]]
    images = session.dataset.take(items).images
    shown = [
        Mistake(
            image=np.asarray(images[place]),
            label=names[answer.label],
            predicted=names[answer.predicted],
            probability=answer.probability,
        )
        for place, answer in enumerate(chosen)
    ]
    title = f"step {step:,}: {len(chosen)} of {len(wrong):,} mistakes, the surest first"
    _picture(events, "validation", "mistakes", step, mistake_sheet(shown, title=title))


def hyper_parameters(settings: RunConfig) -> dict[str, Setting]:
    """Recipe, source and seed, and each setting that is not the recipe's, by its dotted name."""
    known = settings.recipe in RECIPES  # a configuration file may call its recipe anything
    recipe = RECIPES[settings.recipe]() if known else RunConfig(recipe=settings.recipe)
    asked = dict(_flat(config.to_dict(recipe), ""))
    found = dict(_flat(config.to_dict(settings), ""))
    always = ("recipe", "source", "seed")
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in found.items()
        if name in always or (value != asked.get(name) and not _is_found(name, asked.get(name)))
    }


def _is_found(name: str, asked: Any) -> bool:
    """Whether the machine and the pictures decide this setting, and not a person."""
    return name in ("device", "threads") or (
        name.startswith("preprocess.") and asked in ("auto", 0)
    )


def _flat(settings: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _validated(session: Session) -> NDArray[np.int64]:
    """The items of the dataset that validation predictions are about, in their order."""
    by_folds = session.settings.splits.folds > 0
    return session.members if by_folds else session.splits.validation


def _picture(
    events: EventFiles, folder: str, tag: str, step: int, sheet: NDArray[np.uint8]
) -> None:
    height, width = sheet.shape[:2]
    events.picture(folder, tag, step, png(sheet), height=height, width=width, time=time.time())


def write_histograms(session: Session, events: EventFiles) -> None:
    """Of the present weights, and of gradients and pre-activations on a sample of the pictures."""
    if session.settings.monitor.histograms == "off":
        return
    found = layer_histograms(
        session.training.network,
        sample(session),
        session.head,
        session.settings.train.loss,
    )
    groups = {
        "weights": found.weights,
        "gradients": found.gradients,
        "pre-activations": found.pre_activations,
    }
    values = {
        f"{group}/{name}": value for group, named in groups.items() for name, value in named.items()
    }
    events.histograms(session.training.total, values, time=time.time())


def sample(session: Session) -> Batch:
    """Training pictures as they are, evenly from the first to the last."""
    batches = session.batches
    chosen = torch.from_numpy(evenly(len(batches.labels), session.settings.monitor.sample))
    labels = batches.labels[chosen.to(batches.labels.device)]
    return Batch(batches.images(chosen).float(), labels)
