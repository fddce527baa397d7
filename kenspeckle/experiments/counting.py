"""Counting circles with augmentation that keeps the count, and with one that does not (003)."""

from __future__ import annotations

import torch

from kenspeckle.data.augment import augment
from kenspeckle.data.dataset import Dataset
from kenspeckle.device import generator
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity, over_seeds
from kenspeckle.experiments.plan import Plan, train_seeds
from kenspeckle.pages.grid import grid, png
from kenspeckle.settings import RunConfig

_SHOWN = 8


def counting_5(plan: Plan) -> Outcome:
    """1 to 5 circles of one size."""
    return _contrast(plan, "counting", bad="86 %, 99.8 % after longer training", good="99.8 %")


def counting_50(plan: Plan) -> Outcome:
    """45 to 49 circles of one size."""
    return _contrast(plan, "counting:45-49", bad="27 %", good="100 %")


def counting_sizes(plan: Plan) -> Outcome:
    """1 to 5 circles of many sizes; the document does not say how many it drew."""
    return _contrast(plan, "counting:1-5,varied", bad="", good="100 %")


def _contrast(plan: Plan, source: str, *, bad: str, good: str) -> Outcome:
    data = plan.dataset(source)
    name = source.replace(":", "-").replace(",", "-")
    configs = {kind: plan.config(kind) for kind in ("counting-bad", "counting", "counting-number")}
    found = {
        kind: train_seeds(plan, settings, data, name=f"{name}-{kind}")
        for kind, settings in configs.items()
    }
    wrong = found["counting-bad"].accuracy(name="with bad changes", headline=bad)
    right = found["counting"].accuracy(name="with good changes", headline=good, least=0.99)
    number = found["counting-number"].accuracy(name="as a number: exact counts")
    errors = tuple(
        test.measurement.mean_absolute_error or 0.0 for test in found["counting-number"].tests
    )
    return Outcome(
        quantities=(
            wrong,
            right,
            number,
            Quantity(
                name="as a number: mean absolute error, in circles",
                values=errors,
                unit="number",
                n=number.n,
                interval=over_seeds(errors),
            ),
            found["counting"].duration(),
        ),
        story=(
            f"Changes that push circles out of the picture leave {wrong.mean:.1%}; flips alone, "
            f"with all else the same, give {right.mean:.1%}."
        ),
        pictures=(
            _sheet("As drawn", data, None),
            _sheet("With bad changes: cut off, enlarged, turned", data, configs["counting-bad"]),
            _sheet("With good changes: mirrored", data, configs["counting"]),
        ),
        recipe=found["counting"].recipe,
        notes=("a small network from scratch, on pictures of 64 x 64, instead of a ResNet-34",),
        seeds=len(found["counting"].ends),
    )


def _sheet(title: str, data: Dataset, settings: RunConfig | None) -> Picture:
    images = data.images[:_SHOWN]
    if settings is not None:
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        changed = augment(pixels, settings.augment, generator(0, "shown"))
        images = changed.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    sheet = grid(images, columns=_SHOWN)
    labels = ", ".join(data.class_names[label] for label in data.labels[:_SHOWN])
    return Picture(title=title, about=f"Pictures with {labels} circles.", png=png(sheet))
