"""Settings of the optimizers: one frozen record of its own for each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SgdConfig:
    """Stochastic gradient descent, with momentum if wanted (Sutskever et al. 2013)."""

    name: Literal["sgd"] = "sgd"
    rate: float = 0.1  # learning rate at the peak of the schedule
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_shares(momentum=self.momentum)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")


@dataclass(frozen=True, kw_only=True)
class AdagradConfig:
    """Each weight's rate falls with the sum of its squared gradients (Duchi et al. 2011)."""

    name: Literal["adagrad"] = "adagrad"
    rate: float = 0.01  # learning rate at the peak of the schedule
    start: float = 0.1  # the sum before the first step
    epsilon: float = 1e-10
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_above_zero(epsilon=self.epsilon)
        if not 0 <= self.start < math.inf:
            raise ValueError(f"start must be 0 or more, got {self.start}")


@dataclass(frozen=True, kw_only=True)
class AdadeltaConfig:
    """Steps as large as recent steps were, in the unit of the weight (Zeiler 2012)."""

    name: Literal["adadelta"] = "adadelta"
    rate: float = 1.0  # learning rate at the peak of the schedule
    rho: float = 0.9  # decay of both averages
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_shares(rho=self.rho)
        _check_above_zero(epsilon=self.epsilon)


@dataclass(frozen=True, kw_only=True)
class RmspropConfig:
    """Gradients over the root of their recent mean square (Tieleman and Hinton 2012)."""

    name: Literal["rmsprop"] = "rmsprop"
    rate: float = 0.001  # learning rate at the peak of the schedule
    alpha: float = 0.9  # decay of the mean square
    momentum: float = 0.0
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_shares(alpha=self.alpha, momentum=self.momentum)
        _check_above_zero(epsilon=self.epsilon)


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam (Kingma and Ba 2015), and AdamW with decoupled decay (Loshchilov and Hutter 2019)."""

    name: Literal["adam", "adamw"] = "adamw"
    rate: float = 0.001  # learning rate at the peak of the schedule
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_shares(beta1=self.beta1, beta2=self.beta2)
        _check_above_zero(epsilon=self.epsilon)


@dataclass(frozen=True, kw_only=True)
class MuonConfig:
    """Orthogonal momentum for inner matrices (Jordan et al. 2024); AdamW for all the rest."""

    name: Literal["muon"] = "muon"
    rate: float = 0.1  # learning rate of the inner matrices at the peak of the schedule
    momentum: float = 0.6
    iterations: int = 3  # of the Newton-Schulz iteration
    weight_decay: float = 0.0
    outer: AdamConfig = field(  # for the first and the last layer, biases and norms
        default_factory=lambda: AdamConfig(rate=0.01, beta1=0.8, beta2=0.95)
    )

    def __post_init__(self) -> None:
        _check(self.rate, self.weight_decay)
        _check_shares(momentum=self.momentum)
        if not 1 <= self.iterations <= 20:
            raise ValueError(f"iterations must be in 1..20, got {self.iterations}")


OptimizerConfig = (
    AdadeltaConfig | AdagradConfig | AdamConfig | MuonConfig | RmspropConfig | SgdConfig
)


def _check(rate: float, weight_decay: float) -> None:
    _check_above_zero(rate=rate)
    if not 0 <= weight_decay < math.inf:
        raise ValueError(f"weight_decay must be 0 or more, got {weight_decay}")


def _check_above_zero(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0, got {value}")


def _check_shares(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be in 0..1, got {value}")
