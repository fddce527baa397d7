"""Saliency: which pixels an answer comes from, by one method or by several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.explain.attribution import (
    METHODS,
    Method,
    Question,
    SaliencyConfig,
    answers,
    filled,
)
from kenspeckle.explain.layers import differentiable, evaluating, pixels
from kenspeckle.explain.maps import last_maps
from kenspeckle.explain.subject import subject
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.names import joined
from kenspeckle.figures.saliency import block, saliency_columns, saliency_pairs, spoken
from kenspeckle.model_file import Classifier

_LARGE_GAP = 0.05
Targets = int | Sequence[int] | NDArray[np.int64] | None


@dataclass(frozen=True, kw_only=True)
class Saliency(Drawable):
    """A map for each picture: how much each pixel matters to the output of a class."""

    method: str
    about: str  # what a high value means
    signed: bool  # whether values below zero speak against the class
    images: NDArray[np.uint8]  # (N, H, W, C)
    maps: NDArray[np.float32]  # (N, H, W)
    targets: NDArray[np.int64]  # (N,) the classes that are explained
    probabilities: NDArray[np.float32]  # (N, K)
    class_names: tuple[str, ...]
    gaps: NDArray[np.float64] | None = None  # (N,) of integrated gradients: see `gap`

    @property
    def target_names(self) -> tuple[str, ...]:
        """(N,) the class that is explained."""
        return tuple(self.class_names[target] for target in self.targets)

    @property
    def target_probabilities(self) -> NDArray[np.float32]:
        """(N,) of that class."""
        return self.probabilities[np.arange(len(self.targets)), self.targets]

    @property
    def gap(self) -> float:
        """How incomplete integrated gradients are; NaN for other methods.

        The sum over the pixels should be the difference of the outputs for picture and baseline;
        this is the largest share of that difference by which it is not.
        """
        return float("nan") if self.gaps is None else float(self.gaps.max())

    @property
    def title(self) -> str:
        """Names the method."""
        return f"What the answer comes from: {spoken(self.method)}"

    @property
    def description(self) -> str:
        """What the colours mean, and how exact the map is."""
        colours = (
            "red is where " + self.about + ", blue the opposite"
            if self.signed
            else "bright is where " + self.about
        )
        text = f"{colours[0].upper()}{colours[1:]}; one scale of colours for each picture."
        if self.gaps is not None:
            text += _completeness(self.gap)
        return text + _means(self.maps)

    def figure(self) -> Figure:
        """Each picture beside its map."""
        return saliency_pairs(self)


@dataclass(frozen=True, kw_only=True)
class SaliencyComparison(Drawable):
    """Several methods for the same pictures and classes."""

    methods: tuple[Saliency, ...]

    @property
    def title(self) -> str:
        """What is compared."""
        return "What the answer comes from"

    @property
    def description(self) -> str:
        """Which methods, and how alike their maps are."""
        names = joined(spoken(found.method) for found in self.methods)
        text = f"By {names}: "
        if any(found.signed for found in self.methods):
            text += "red speaks for the class, blue against it; "
        if not all(found.signed for found in self.methods):
            text += "bright matters most; "
        gaps = [found.gap for found in self.methods if found.gaps is not None]
        text += "one scale of colours for each map."
        if gaps:
            text += _completeness(max(gaps))
        return text + _means(self.methods[0].maps)

    def figure(self) -> Figure:
        """A row for each picture, a column for each method."""
        return saliency_columns(self)


def saliency(
    model: nn.Module | Classifier,
    images: NDArray[np.uint8],
    *,
    method: str | Method,
    target: Targets = None,
    config: SaliencyConfig | None = None,
) -> Saliency:
    """Why `model` gives class `target` for `images` (N, H, W, C) of the size of its input.

    Without a target it is the class that the model answers; one number stands for all pictures.
    `method` is one of METHODS or a way of your own. Of a network that tells a number, the number
    is explained. Raises `ConfigError` for unknown methods, classes and layers.
    """
    about = subject(model, images)
    if isinstance(method, str) and method not in METHODS:
        raise ConfigError(unknown_name("method", method, METHODS))
    name, way = (method, METHODS[method]) if isinstance(method, str) else ("own method", method)
    shares = about.probabilities(images)
    targets = _targets(target, shares)
    with evaluating(about.network), differentiable():
        given = pixels(images, about.network)
        question = Question(
            about=about,
            pixels=given,
            targets=torch.from_numpy(targets).to(given.device),
            config=config or SaliencyConfig(),
        )
        found = way.attribute(question).detach()
        maps = found.sum(dim=1) if way.signed else found.abs().amax(dim=1)
        gaps = _gaps(question, maps) if name == "integrated-gradients" else None
    return Saliency(
        method=name,
        about=way.about,
        signed=way.signed,
        images=images,
        maps=maps.float().cpu().numpy(),
        targets=targets,
        probabilities=shares,
        class_names=about.class_names,
        gaps=gaps,
    )


def compare_saliency(
    model: nn.Module | Classifier,
    images: NDArray[np.uint8],
    *,
    methods: Sequence[str] = tuple(METHODS),
    target: Targets = None,
    config: SaliencyConfig | None = None,
) -> SaliencyComparison:
    """`saliency` by each of `methods`; see `methods_for` for those that suit a network."""
    return SaliencyComparison(
        methods=tuple(
            saliency(model, images, method=method, target=target, config=config)
            for method in methods
        )
    )


def methods_for(model: nn.Module | Classifier, images: NDArray[np.uint8]) -> tuple[str, ...]:
    """The methods that `model` allows: all of them, but for Grad-CAM where there are no maps."""
    network = subject(model, images).network
    try:
        last_maps(network, pixels(images[:1], network))
    except ConfigError:
        return tuple(method for method in METHODS if method != "grad-cam")
    return tuple(METHODS)


def _completeness(gap: float) -> str:
    more = "; more steps would lessen that" if gap > _LARGE_GAP else ""
    return (
        " The integrated gradients of the pixels sum up to the change of the output from the "
        f"baseline to within {gap:.1%} of it{more}."
    )


def _means(maps: NDArray[np.float32]) -> str:
    side = block(maps)
    return "" if side == 1 else f" Drawn are means of {side} x {side} pixels."


def _targets(target: Targets, shares: NDArray[np.float32]) -> NDArray[np.int64]:
    count, classes = shares.shape
    if target is None:
        best: NDArray[np.int64] = shares.argmax(axis=1)
        return best
    wanted = np.asarray(target, dtype=np.int64)
    if wanted.ndim > 1 or (wanted.ndim == 1 and len(wanted) != count):
        raise ConfigError(f"target must be one class or one for each of {count} pictures")
    if wanted.min() < 0 or wanted.max() >= classes:
        wrong = int(wanted.min() if wanted.min() < 0 else wanted.max())
        raise ConfigError(f"target must be in 0..{classes - 1}, got {wrong}")
    return np.array(np.broadcast_to(wanted, (count,)))


def _gaps(question: Question, maps: torch.Tensor) -> NDArray[np.float64]:
    """(N,) by how much the sums of `maps` (N, H, W) miss the change of the output, as a share."""
    about, targets = question.about, question.targets
    start = filled(about, question.pixels, question.config.baseline)
    change = answers(about, question.pixels, targets) - answers(about, start, targets)
    missed = (maps.double().sum(dim=(1, 2)) - change.double()).abs()
    shares: NDArray[np.float64] = (missed / change.double().abs().clamp_min(1e-12)).cpu().numpy()
    return shares
