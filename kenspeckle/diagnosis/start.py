"""The network before its first step: loss, pre-activations and gradients, layer by layer.

Seed document 003 (Learn TensorFlow Now 6) has two failures: outputs that grow from layer to layer
make a network that is sure of everything, outputs that shrink make one that learns nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from kenspeckle.diagnosis.findings import Finding
from kenspeckle.diagnosis.trials import Bench, plain_loss
from kenspeckle.explain.layers import pre_activations
from kenspeckle.models.layers import reseed, to_training

LOSS = 3.0  # times ln K: a network that knows nothing yet should not be far above it
SPAN = 10.0  # "within about an order of magnitude of one another", as the document puts it
SURE = 0.99  # probability of a class from which softmax has hardly a slope
SURE_SHARE = 0.5  # of the pictures
DEAD_SHARE = 0.9  # of the units of a layer
VANISHED = 1e-3  # gradient of the first matrix over that of the last
EXPLODED = 1e3
_RIGHT = "--set initialization.name=variance-scaling --set initialization.head=xavier"


@dataclass(frozen=True, kw_only=True)
class StartFacts:
    """What is measured on one batch, as training would see it."""

    loss: float  # nats; infinite where it is not finite
    chance: float  # ln K
    layers: tuple[str, ...]  # those with an activation, and "logits"
    levels: tuple[float, ...]  # deviation of the pre-activations of each
    gradients: tuple[float, ...]  # root mean square of each matrix's, from the first to the last
    dead: float  # share of ReLU units of the worst layer that answer to no picture
    dead_layer: str
    sure: float  # share of pictures with a class above `SURE`

    @property
    def growth(self) -> float:
        """Deviation in the last layer over that in the first."""
        return self.levels[-1] / self.levels[0] if self.levels[0] > 0 else math.inf

    @property
    def steepest(self) -> float:
        """Gradient of the first matrix over that of the last one."""
        if len(self.gradients) < 2 or not self.gradients[-1]:
            return 1.0
        return self.gradients[0] / self.gradients[-1]


def start_facts(bench: Bench) -> StartFacts:
    """One pass forth and back on a copy; nothing of the network changes."""
    network = copy.deepcopy(bench.course.training.network)
    to_training(network)
    reseed(network, bench.settings.seed, "start")
    batch = next(bench.course.batches.epoch(0))
    with pre_activations(network) as given:
        outputs = network(batch.images).float()
    value = plain_loss(bench.head, outputs.detach(), batch.labels)
    if math.isfinite(value):
        # the plain loss, because smoothing and weights do not tell what the layers do
        nn.functional.cross_entropy(bench.head.logits(outputs), batch.labels).backward()  # type: ignore[no-untyped-call]
    relus = {name for name, m in network.named_modules() if isinstance(m, nn.ReLU | nn.ReLU6)}
    silent = dict(_silent(given, len(relus) > 0))
    worst = max(silent, key=lambda name: silent[name], default="")
    shares = bench.head.logits(outputs.detach()).softmax(dim=1).amax(dim=1)
    return StartFacts(
        loss=value if math.isfinite(value) else math.inf,
        chance=bench.chance,
        layers=tuple(given),
        levels=tuple(_level(values) for values in given.values()),
        gradients=tuple(
            float(p.grad.float().square().mean().sqrt())
            for p in network.parameters()
            if p.ndim > 1 and p.grad is not None
        ),
        dead=silent.get(worst, 0.0),
        dead_layer=worst,
        sure=float((shares > SURE).float().mean()),
    )


def _level(values: torch.Tensor) -> float:
    level = float(values.float().std(correction=0))
    return level if math.isfinite(level) else math.inf


def _silent(given: dict[str, torch.Tensor], has_relu: bool) -> Iterator[tuple[str, float]]:
    """Of each hidden layer, the share of units that no picture makes positive."""
    if not has_relu:
        return
    for name, values in given.items():
        if name != "logits":
            units = values.flatten(2).amax(dim=(0, 2)) if values.ndim > 2 else values.amax(dim=0)
            yield name, float((units <= 0).float().mean())


def start_findings(found: StartFacts, *, is_class_head: bool = True) -> list[Finding]:
    """The two failures of the document, and what else is wrong before the first step."""
    findings = []
    names, levels = found.layers, found.levels
    course = (
        f"deviation of pre-activations {levels[0]:.3g} in {names[0]}, {levels[-1]:.3g} in "
        f"{names[-1]}; loss {found.loss:.4g}, guessing has {found.chance:.3g}"
    )
    is_loud = is_class_head and found.loss > LOSS * found.chance
    if is_loud and len(levels) > 1 and found.growth > SPAN:
        times = max((b / a for a, b in pairwise(levels) if a > 0), default=0.0)
        findings.append(
            Finding(
                name="exploding gradients",
                evidence=f"{course}; {times:.3g} times as much after one layer",
                why="the start is too large: numbers and gradients grow from layer to layer",
                advice=_RIGHT,
            )
        )
    elif is_loud and found.sure > SURE_SHARE:
        findings.append(
            Finding(
                name="saturated softmax",
                evidence=f"{found.sure:.0%} of pictures have a class above {SURE:.0%} before "
                f"anything was learned; {course}",
                why="the start is too large: a softmax that is sure has no slope to learn on",
                advice=_RIGHT,
            )
        )
    elif found.steepest > EXPLODED:
        findings.append(
            Finding(
                name="exploding gradients",
                evidence=f"gradients of the first matrix are {found.steepest:.3g} times those of "
                "the last",
                why="gradients grow on their way back through the layers",
                advice=f"{_RIGHT} (or --set model.norm=before)",
            )
        )
    if found.dead > DEAD_SHARE:
        findings.append(
            Finding(
                name="dead ReLUs",
                evidence=f"{found.dead:.0%} of the units of {found.dead_layer} answer to no "
                "picture before the first step",
                why="a ReLU that is never above zero has no gradient and stays silent",
                advice="--set initialization.bias=0 --set initialization.name=he",
            )
        )
    elif found.steepest < VANISHED:
        findings.append(
            Finding(
                name="vanishing gradients",
                evidence=f"gradients of the first matrix are {found.steepest:.2g} times those of "
                f"the last; {course}",
                why="the first layers hardly learn: gradients shrink on their way back",
                advice="--set model.norm=before, or --set model.activation=relu with "
                "--set initialization.name=he",
            )
        )
    elif is_small(found):
        findings.append(
            Finding(
                name="vanishing gradients",
                evidence=course,
                why="the start is too small: the outputs shrink from layer to layer and say "
                "nothing of the picture",
                advice=_RIGHT,
            )
        )
    return findings


def is_small(found: StartFacts) -> bool:
    """Whether outputs shrink so much that the logits tell pictures hardly apart."""
    return len(found.levels) > 1 and (found.levels[-1] < 1e-3 or found.growth < 1e-3)
