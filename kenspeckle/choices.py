"""What is decided for the user where settings say "auto" or 0, each with its reason in a line."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from kenspeckle import device
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.preprocess import reason, settle
from kenspeckle.data.splits import Splits, groups_of, members_of
from kenspeckle.device import Compute
from kenspeckle.errors import ConfigError
from kenspeckle.folds import FEW, FOLDS
from kenspeckle.models.backbone import Backbone
from kenspeckle.models.families import build_model
from kenspeckle.pages.text import duration
from kenspeckle.settings import RunConfig

FEW_TO_TUNE = 100  # validation pictures, below which they cannot tell whether fine-tuning helps
_TIMED = 8  # pictures of the step that is timed


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Settings in which nothing is left open, and what the user should know of them."""

    settings: RunConfig
    notes: tuple[str, ...]
    reasons: tuple[str, ...]  # those of the notes that say why a setting is as it is


def on_backbone(settings: RunConfig, source: Backbone) -> RunConfig:
    """`settings` for the network of `source`, and pictures as it was trained on."""
    if settings.train.loss != "cross-entropy":
        raise ConfigError(
            f"train.loss={settings.train.loss} does not go with a pretrained network, "
            "whose head is fitted to classes; use cross-entropy, or the recipe photos"
        )
    preprocess = settings.preprocess
    if not preprocess.height:
        height, width = source.size
        preprocess = replace(preprocess, height=height, width=width)
    preprocess = replace(preprocess, channels=preprocess.channels or 3)
    return replace(settings, model=source.config, preprocess=preprocess)


def settled(
    asked: RunConfig, data: Dataset, splits: Splits, source: Backbone | None, compute: Compute
) -> Settled:
    """`asked` with device, sizes, batches and stages settled for `data`."""
    settings = replace(
        asked,
        device=compute.device,
        precision=compute.precision,
        threads=compute.threads,
        preprocess=settle(asked.preprocess, data),
    )
    notes: list[str] = []
    if not asked.train.batch_size:
        size = batch_size(len(splits.train))
        settings = replace(settings, train=replace(settings.train, batch_size=size))
        count = f"{len(splits.train):,} pictures"
        notes.append(f"train.batch_size is {size}: the training split has {count}")
    if source:
        settings, lines = _stages(settings, data, splits, compute)
        notes += lines
    elif settings.splits.folds:
        settings, lines = _by_folds(settings, data, splits, compute)
        notes += lines
    pictures = _of_pictures(asked, settings, data)
    return Settled(
        settings=settings,
        notes=(*pictures, *notes, *_of_load(settings)),
        reasons=tuple(notes),
    )


def _of_pictures(asked: RunConfig, settings: RunConfig, data: Dataset) -> list[str]:
    notes = list(data.origin.notes) if data.origin else []
    height, width = data.images.shape[1:3]
    if (settings.preprocess.height, settings.preprocess.width) != (height, width):
        size = f"{settings.preprocess.height} x {settings.preprocess.width}"
        notes.append(f"pictures of {height} x {width} are scaled to {size} (preprocess.least)")
    if asked.preprocess.kind == "auto":
        notes.append(reason(settings.preprocess, data))
    return notes


def _of_load(settings: RunConfig) -> list[str]:
    load = device.load()
    if settings.threads == 1 or load < settings.threads:
        return []
    # threads that wait for each other in every step wait for the slowest of them
    return [
        f"other programs are at work here (load {load:.1f}); "
        "with a core less to itself, training may be faster with --set threads=1"
    ]


def batch_size(count: int) -> int:
    """About 20 steps an epoch for few pictures, and at most 64 pictures a step."""
    return min(64, max(8, 1 << max(0, round(count / 20) - 1).bit_length()))


def _stages(
    settings: RunConfig, data: Dataset, splits: Splits, compute: Compute
) -> tuple[RunConfig, list[str]]:
    """Whether to fine-tune, and by what the head is told."""
    asked, folds = settings.transfer, settings.splits.folds
    fine_tune, notes = asked.fine_tune, []
    if fine_tune == "auto" and folds > 0:
        fine_tune = "off"
    if fine_tune == "auto" and len(splits.validation) < FEW_TO_TUNE:
        fine_tune = "off"
        notes.append(
            f"no fine-tuning: {len(splits.validation):,} validation pictures could not tell "
            "whether it helps (transfer.fine_tune=on does it all the same)"
        )
    if fine_tune == "auto":
        seconds = _seconds(settings, len(splits.train), compute)
        fine_tune = "on" if seconds <= 60 * asked.minutes else "off"
        would, over = ("will", "within") if fine_tune == "on" else ("would", "over")
        notes.append(
            f"fine-tuning {would} take about {duration(seconds)}, {over} "
            f"transfer.minutes={asked.minutes:g}: transfer.fine_tune is {fine_tune}, as measured "
            "on this machine; config.toml keeps that, so a repeat does not measure again"
        )
    if folds < 0:
        has_own = data.official_validation is not None
        folds = 0 if fine_tune == "on" or has_own else FOLDS
    if folds:
        notes.append(
            f"validated by {folds} folds: each of {len(members_of(splits)):,} pictures is told by "
            "a head that has not seen it, and the final head learns from all"
        )
    transfer = replace(asked, fine_tune=fine_tune)
    return replace(settings, transfer=transfer, splits=replace(settings.splits, folds=folds)), notes


def _by_folds(
    settings: RunConfig, data: Dataset, splits: Splits, compute: Compute
) -> tuple[RunConfig, list[str]]:
    """Whether networks from random weights are validated by folds, and what that costs."""
    folds, members = settings.splits.folds, members_of(splits)
    groups = len(np.unique(groups_of(data)[members]))
    if folds < 0:
        is_wanted = len(members) < FEW and data.official_validation is None and not settings.start
        folds = min(FOLDS, groups) if is_wanted and groups > 1 else 0
    elif groups > 1:
        folds = min(folds, groups)
    settings = replace(settings, splits=replace(settings.splits, folds=folds))
    if not folds:
        return settings, []
    seconds = _seconds(settings, len(members), compute)
    return settings, [
        f"validated by {folds} folds: each of {len(members):,} pictures is told by a network that "
        "has not seen it, and the final network learns from all",
        f"that is {folds + 1} trainings, {duration(folds * seconds)} or so instead of "
        f"{duration(seconds)}; splits.folds=0 does one, and is told by "
        f"{len(splits.validation):,} pictures",
    ]


def _seconds(settings: RunConfig, count: int, compute: Compute) -> float:
    """How long fine-tuning takes, by two steps of which the second is timed."""
    size = min(count, settings.train.batch_size, _TIMED)
    shape = (settings.preprocess.channels, settings.preprocess.height, settings.preprocess.width)
    network = build_model(settings.model, shape=shape, outputs=2).to(compute.torch_device)
    images = torch.zeros(size, *shape, device=compute.torch_device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(size, dtype=torch.int64, device=compute.torch_device)
    taken = 0.0
    for _ in range(2):
        began = time.perf_counter()
        with compute.autocast():
            outputs = network(images)
        functional.cross_entropy(outputs.float(), labels).backward()  # type: ignore[no-untyped-call]
        taken = time.perf_counter() - began
    steps = settings.train.total_steps(-(-count // settings.train.batch_size))
    return taken / size * settings.train.batch_size * steps
