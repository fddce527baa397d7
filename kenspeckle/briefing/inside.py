"""What can be seen inside the network of a run, within a few seconds of work."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from kenspeckle.briefing.record import Section
from kenspeckle.data.dataset import Dataset
from kenspeckle.errors import ConfigError
from kenspeckle.explain.fingerprints import fingerprints
from kenspeckle.explain.histograms import histogram
from kenspeckle.explain.ideal_inputs import IdealInputsConfig, ideal_inputs
from kenspeckle.figures.drawing import Drawing
from kenspeckle.figures.fingerprints import fingerprints as draw_fingerprints
from kenspeckle.figures.histograms import histograms as draw_histograms
from kenspeckle.figures.ideal_inputs import ideal_inputs as draw_ideal_inputs
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import ClassHead
from kenspeckle.pages.text import percent

_CLASSES = 10  # of which fingerprints and ideal inputs are shown
_WORK = 4e10  # multiplications for each look, about two seconds
_OF_CLASS = 60  # pictures
_LAYERS = 12  # of which weights are shown
_STEPS = 200  # of the ideal inputs


def look_inside(
    classifier: Classifier, view: Dataset | None, *, cost: float
) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """Sections, and what is left out and why.

    `view` are pictures of the size of the input; `cost` is multiplications for one of them.
    """
    sections = [_weights(classifier)]
    notes = []
    if view is not None:
        try:
            sections.append(_fingerprints(classifier, view, cost))
        except ConfigError:
            notes.append(
                "There are no fingerprints: they need a hidden layer of a kind that is known, and "
                "two pictures of each class."
            )
    classes = len(classifier.class_names)
    if not isinstance(classifier.head, ClassHead) or classes > _CLASSES:
        notes.append(f"Ideal inputs are shown for at most {_CLASSES} classes that are no numbers.")
    elif 3 * cost * classes * _STEPS > 2 * _WORK:
        notes.append("Ideal inputs are left out: those of this network take too long for a page.")
    else:
        sections.append(_ideal_inputs(classifier))
    return tuple(sections), tuple(notes)


def _weights(classifier: Classifier) -> Section:
    named = {
        name.removesuffix(".weight"): histogram(weights)
        for name, weights in classifier.network.named_parameters()
        if weights.ndim > 1
    }
    chosen = list(named)[: _LAYERS - 1] + list(named)[-1:] if len(named) > _LAYERS else list(named)
    shown = {name: named[name] for name in chosen}
    spread = [item.deviation for item in shown.values()]
    words = (
        f"Each panel is one of {len(named)} layers with weights, on a logarithmic scale; their "
        f"deviations go from {min(spread):.3g} to {max(spread):.3g}."
    )
    draw = partial(draw_histograms, shown, across=min(3, len(shown)))
    drawing = Drawing(heading="Weights, layer by layer", words=words, draw=draw)
    return Section(title="Weights", about="", drawables=(drawing,))


def _fingerprints(classifier: Classifier, view: Dataset, cost: float) -> Section:
    names = view.class_names
    labels = np.flatnonzero(np.bincount(view.labels, minlength=len(names)) > 1)[:_CLASSES]
    if len(labels) < 2:
        raise ConfigError("too few pictures of each class")
    most = max(4, min(_OF_CLASS, int(_WORK / cost) // len(labels)))
    chosen = np.concatenate([np.flatnonzero(view.labels == label)[:most] for label in labels])
    part = replace(
        view.take(chosen),
        labels=np.searchsorted(labels, view.labels[chosen]),
        class_names=tuple(names[label] for label in labels),
    )
    found = fingerprints(classifier.network, part)
    words = (
        f"The layer {found.layer} for pictures of {len(labels)} classes: units down, pictures "
        "across. Bands are what the pictures of a class have in common. Of other pictures, "
        f"{percent(found.nearest_mean)} are nearest to the mean fingerprint of their own class "
        f"({percent(found.interval.low)} to {percent(found.interval.high)}, n={found.n:,})."
    )
    draw = partial(draw_fingerprints, found, most=most)
    drawing = Drawing(heading="The last hidden layer", words=words, draw=draw)
    return Section(title="Fingerprints", about="", drawables=(drawing,))


def _ideal_inputs(classifier: Classifier) -> Section:
    settings = IdealInputsConfig(steps=_STEPS, jitter=2)
    found = ideal_inputs(
        classifier.network, classifier.class_names, shape=classifier.shape, config=settings
    )
    words = (
        "The picture of each class that the network likes best, found by descent on the pixels "
        f"with an {settings.penalty} penalty of {settings.weight:g}, in full contrast. The network "
        f"gives each its class with a probability of at least {percent(found.own.min())}."
    )
    draw = partial(draw_ideal_inputs, {"ideal": found}, None)
    drawing = Drawing(heading="Ideal inputs", words=words, draw=draw)
    return Section(title="Ideal inputs", about="", drawables=(drawing,))
