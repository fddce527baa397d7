"""The filters of the first layer: what a network compares the picture with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from kenspeckle.errors import ConfigError
from kenspeckle.explain.subject import network_of
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.filters import SHOWN, filters
from kenspeckle.model_file import Classifier
from kenspeckle.models.heads import ClassHead
from kenspeckle.models.layers import Scale


@dataclass(frozen=True, kw_only=True)
class Filters(Drawable):
    """The weights of the first layer, each filter as a small picture around zero."""

    layer: str
    kind: Literal["convolution", "dense"]
    weights: NDArray[np.float32]  # (D, h, w, C) for D filters
    unit_names: tuple[str, ...]  # of classes where the layer is the last one too, else numbers
    answers: bool  # whether each filter stands for a class

    @property
    def strengths(self) -> NDArray[np.float64]:
        """(D,) root of the mean square of each filter's weights."""
        found: NDArray[np.float64] = np.sqrt(
            (self.weights.astype(np.float64) ** 2).mean(axis=(1, 2, 3))
        )
        return found

    @property
    def order(self) -> NDArray[np.int64]:
        """(D,) which filters to show first: classes in their order, else the strongest."""
        if self.answers:
            return np.arange(len(self.weights))
        return np.argsort(-self.strengths, kind="stable")

    @property
    def pictures(self) -> NDArray[np.float32]:
        """(D, h, w, C) of -1..1: each divided by its largest absolute weight."""
        top = np.abs(self.weights).max(axis=(1, 2, 3), keepdims=True)
        found: NDArray[np.float32] = self.weights / np.maximum(top, np.finfo(np.float32).tiny)
        return found

    @property
    def title(self) -> str:
        """What they are."""
        return "Weights of each class" if self.answers else "Filters of the first layer"

    @property
    def description(self) -> str:
        """How many, how large, how they are coloured."""
        count, height, width, channels = self.weights.shape
        noun = "classes" if self.answers else "filters"
        shown = min(count, SHOWN)
        which = f"{count} {noun}" if shown == count else f"the {shown} strongest of {count} {noun}"
        colour = (
            "grey is zero, and a colour is what a filter answers to"
            if channels == 3
            else "red weights speak for light there, blue ones against, white is zero"
        )
        weak = int((self.strengths < self.strengths.max() / 10).sum())
        tail = f"; {weak} have less than a tenth of the strongest's weights" if weak else ""
        return (
            f"Layer {self.layer}, {which} of {height} x {width}: {colour}. "
            f"Each is scaled by its own largest weight{tail}."
        )

    def figure(self) -> Figure:
        """The filters in a grid."""
        return filters(self)


def first_filters(model: nn.Module | Classifier) -> Filters:
    """The filters of the first convolution of `model`, or the rows of its first dense layer.

    Raises `ConfigError` where the rows of a dense layer are no pictures.
    """
    network = network_of(model)
    named = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    if not named:
        raise ConfigError("this network has neither a convolution nor a dense layer")
    layer, module = named[0]
    weights = module.weight.detach().float().cpu().numpy()
    tells_number = isinstance(model, Classifier) and not isinstance(model.head, ClassHead)
    answers = len(named) == 1 and isinstance(module, nn.Linear) and not tells_number
    names = tuple(map(str, range(len(weights))))
    if answers and isinstance(model, Classifier) and len(model.class_names) == len(weights):
        names = model.class_names
    if isinstance(module, nn.Linear):
        weights = weights.reshape(len(weights), *_picture(model, module.in_features))
    return Filters(
        layer=layer,
        kind="dense" if isinstance(module, nn.Linear) else "convolution",
        weights=np.ascontiguousarray(weights.transpose(0, 2, 3, 1)),
        unit_names=names,
        answers=answers,
    )


def _picture(model: nn.Module | Classifier, inputs: int) -> tuple[int, int, int]:
    """(C, H, W) of the picture whose pixels are the `inputs`."""
    if isinstance(model, Classifier):
        shape = model.shape
    else:
        scales = [module for module in model.modules() if isinstance(module, Scale)]
        channels = len(scales[0].deviation) if scales else 1
        side = math.isqrt(inputs // channels)
        shape = (channels, side, side)
    if math.prod(shape) != inputs:
        raise ConfigError(
            f"the {inputs} weights of a unit of the first layer are no picture of "
            f"{' x '.join(map(str, shape))} (channels, height, width); "
            "give the whole classifier, which knows the size of its input"
        )
    return shape
