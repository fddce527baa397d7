"""What goes to TensorBoard while a session trains."""

from __future__ import annotations

import time

import numpy as np
import torch

from kenspeckle.data.batches import Batch
from kenspeckle.event_files import EventFiles
from kenspeckle.events import EpochRecord
from kenspeckle.explain.histograms import layer_histograms
from kenspeckle.models.summary import summarize
from kenspeckle.pages.grid import grid, png
from kenspeckle.session import Session
from kenspeckle.training import Epoch

_COLUMNS = 8


def write_start(session: Session, events: EventFiles) -> None:
    """The graph, the pictures of the first batch as they are augmented, the first histograms."""
    settings, batches = session.settings, session.batches
    now = time.time()
    if settings.monitor.graph == "on":
        summary = summarize(settings.model, shape=session.input_shape, outputs=session.head.outputs)
        events.graph(summary.rows, time=now)
    if settings.monitor.pictures:
        first = next(batches.epoch(0)).images[: settings.monitor.pictures]
        pixels = first.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        sheet = grid(pixels, columns=_COLUMNS)
        height, width = sheet.shape[:2]
        events.picture("first batch", 0, png(sheet), height=height, width=width, time=now)
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
    count = min(session.settings.monitor.sample, len(batches.labels))
    chosen = torch.from_numpy(np.linspace(0, len(batches.labels) - 1, count).astype(np.int64))
    labels = batches.labels[chosen.to(batches.labels.device)]
    return Batch(batches.images(chosen).float(), labels)
