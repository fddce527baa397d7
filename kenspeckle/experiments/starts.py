"""Starts that are too large, too small and right (seed document 003, Learn TensorFlow Now 6)."""

from __future__ import annotations

import math

import numpy as np
import torch

from kenspeckle.data.batches import Batch
from kenspeckle.data.dataset import Dataset
from kenspeckle.diagnosis.initialization import diagnose_start
from kenspeckle.experiments.outcome import Outcome, Picture, Quantity
from kenspeckle.experiments.plan import Plan, train_seeds
from kenspeckle.explain.histograms import LayerHistograms, layer_histograms
from kenspeckle.figures.histograms import histograms as draw_histograms
from kenspeckle.figures.style import png
from kenspeckle.models.families import build_model
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.initialization import initialize
from kenspeckle.models.layers import learn_scaling
from kenspeckle.settings import RunConfig

_PICTURES = 256  # that are looked at


def init_large(plan: Plan) -> Outcome:
    """Weights from N(0, 1)."""
    return _start(plan, "init-large", "81.9 to 85.7 %", least=0.6, most=0.95, initial="")


def init_small(plan: Plan) -> Outcome:
    """A hundred times smaller."""
    return _start(plan, "init-small", "5.0 %", least=None, most=0.2, initial="")


def init_right(plan: Plan) -> Outcome:
    """Variance scaling, and Xavier in the last layer."""
    return _start(plan, "init-right", "97.3 %", least=0.97, most=None, initial="2.50")


def _start(
    plan: Plan, name: str, headline: str, *, least: float | None, most: float | None, initial: str
) -> Outcome:
    data = plan.dataset("mnist")
    settings = plan.config(name)
    looked = look(settings, data)
    finding = diagnose_start(looked, classes=len(data.class_names))
    found = train_seeds(plan, settings, data)
    accuracy = found.accuracy(headline=headline, least=least, most=most)
    return Outcome(
        quantities=(
            accuracy,
            Quantity(name="loss before the first step", values=(looked.loss,), unit="number",
                     headline=initial),
            found.duration(),
        ),
        story=(
            f"{finding.name}: {finding.evidence}. "
            f"It reaches {accuracy.mean:.2%} on the test split. {finding.advice}."
        ),
        pictures=(
            Picture(
                title="Pre-activations before the first step",
                about="One histogram for each layer of what its activation is given.",
                png=png(draw_histograms(looked.pre_activations)),
            ),
        ),
        recipe=found.recipe,
        notes=("the document tells neither the widths, the rate nor the number of steps",),
        seeds=len(found.ends),
    )  # fmt: skip


def look(settings: RunConfig, data: Dataset) -> LayerHistograms:
    """The layers of an untrained network on the first pictures of `data`."""
    count, height, width, channels = data.images.shape
    shape, head = (channels, height, width), ClassHead(len(data.class_names))
    network = build_model(settings.model, shape=shape, outputs=head.outputs)
    initialize(network, settings.initialization, seed=settings.seed)
    chosen = np.linspace(0, count - 1, min(count, _PICTURES)).astype(np.int64)
    images = data.images[chosen]
    if settings.preprocess.scaling == "standard":
        learn_scaling(network, [images])
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    batch = Batch(pixels.float(), torch.from_numpy(data.labels[chosen]))
    found = layer_histograms(network, batch, head, settings.train.loss, statistics="batch")
    assert math.isfinite(found.loss)
    return found
