"""Optimizers: one frozen record of its own settings for each, and the function that builds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


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
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in 0..1, got {self.momentum}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")


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
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in 0..1, got {getattr(self, name)}")
        if self.epsilon <= 0:
            raise ValueError(f"epsilon must be above 0, got {self.epsilon}")


OptimizerConfig = AdamConfig | SgdConfig


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer of all parameters of `network`, in one fused kernel.

    Weights of convolutions and dense layers decay; biases and the scales of norms do not.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if isinstance(config, SgdConfig):
        return torch.optim.SGD(
            groups, config.rate, momentum=config.momentum, nesterov=config.nesterov, fused=True
        )
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    betas = (config.beta1, config.beta2)
    return kind(groups, config.rate, betas=betas, eps=config.epsilon, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use the learning rate `rate` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def _check(rate: float, weight_decay: float) -> None:
    if not 0 < rate < float("inf"):
        raise ValueError(f"rate must be above 0, got {rate}")
    if not 0 <= weight_decay < float("inf"):
        raise ValueError(f"weight_decay must be 0 or more, got {weight_decay}")
