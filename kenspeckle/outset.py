"""What a training starts from: data that is opened, and settings in which nothing is open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kenspeckle import device
from kenspeckle.backbones import backbone
from kenspeckle.choices import on_backbone, settled
from kenspeckle.data.dataset import Dataset
from kenspeckle.data.picture_cache import Progress
from kenspeckle.data.sources.detect import locate
from kenspeckle.data.splits import draw
from kenspeckle.device import Compute
from kenspeckle.errors import DataError
from kenspeckle.run_data import opened
from kenspeckle.settings import RunConfig


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Settings in which nothing is left open, and the pictures that they are for."""

    settings: RunConfig
    compute: Compute
    data: Dataset
    notes: tuple[str, ...]  # that the user should see
    reasons: tuple[str, ...]  # those of the notes that say why a setting is as it is


def ready(
    settings: RunConfig, *, dataset: Dataset | None = None, progress: Progress | None = None
) -> Ready:
    """Open the data of `settings` and decide what they leave open; writes nothing."""
    compute = device.choose(settings.device, settings.precision, settings.threads)
    source = backbone(settings.transfer.backbone) if settings.transfer.backbone else None
    asked = on_backbone(settings, source) if source else settings
    data = opened(dataset, asked, progress)
    if len(data.class_names) < 2:
        raise DataError(
            f"{data.source} has pictures of one class, {data.class_names[0]!r}; a classifier needs "
            "two or more: add pictures of what it is to be told from"
        )
    choice = settled(asked, data, draw(data, asked.splits), source, compute)
    chosen = replace(
        choice.settings,
        source=locate(asked.source) if data.files or data.origin else asked.source,
        start=locate(asked.start) if asked.start else "",
        data=replace(asked.data, corrections=_absolute(asked.data.corrections)),
        transfer=replace(choice.settings.transfer, backbone=locate(asked.transfer.backbone)),
    )
    return Ready(
        settings=chosen, compute=compute, data=data, notes=choice.notes, reasons=choice.reasons
    )


def _absolute(corrections: str) -> str:
    return locate(corrections) if corrections else ""
