"""Optimizers: one frozen record of its own settings for each, over torch's fused kernels.

The kernels are called through torch's functional API: constructing a `torch.optim.Optimizer`
imports the compiler, which takes a second that a training of two seconds does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd


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
        if not 0 < self.epsilon < float("inf"):
            raise ValueError(f"epsilon must be above 0, got {self.epsilon}")


OptimizerConfig = AdamConfig | SgdConfig


class Optimizer:
    """The parameters of a network with what is remembered of each, updated in one fused kernel.

    Weights of convolutions and dense layers decay; biases and the scales of norms do not.
    """

    def __init__(self, network: nn.Module, config: OptimizerConfig) -> None:
        self.config = config
        self.parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.memory = {name: self._start(p) for name, p in self.parameters.items()}
        decaying = [name for name, p in self.parameters.items() if p.ndim > 1]
        others = [name for name, p in self.parameters.items() if p.ndim <= 1]
        self._groups = [(decaying, config.weight_decay), (others, 0.0)]

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def step(self, rate: float) -> None:
        """Update every parameter that has a gradient, in place."""
        with torch.no_grad():
            for names, weight_decay in self._groups:
                present = [name for name in names if self.parameters[name].grad is not None]
                if present:
                    self._update(present, rate, weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """All that is remembered, by "parameter/quantity"."""
        return {
            f"{name}/{quantity}": value
            for name, quantities in self.memory.items()
            for quantity, value in quantities.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave, in the memory layout that the kernels expect."""
        for key, value in self.tensors().items():
            value.copy_(tensors[key])

    def _start(self, parameter: Tensor) -> dict[str, Tensor]:
        if isinstance(self.config, SgdConfig):
            return {"momentum": torch.zeros_like(parameter)} if self.config.momentum else {}
        return {
            "mean": torch.zeros_like(parameter, requires_grad=False),
            "square": torch.zeros_like(parameter, requires_grad=False),
            "step": torch.zeros((), device=parameter.device),
        }

    def _update(self, names: list[str], rate: float, weight_decay: float) -> None:
        parameters: list[Tensor] = [self.parameters[name] for name in names]
        gradients = [p.grad for p in parameters if p.grad is not None]
        config = self.config
        if isinstance(config, SgdConfig):
            # a buffer of zeros is torch's own start too, as long as dampening is 0
            buffers = [self.memory[name].get("momentum") for name in names]
            sgd(
                parameters,
                gradients,
                buffers,
                fused=True,
                weight_decay=weight_decay,
                lr=rate,
                momentum=config.momentum,
                dampening=0.0,
                nesterov=config.nesterov,
                maximize=False,
            )
            return
        memory = [self.memory[name] for name in names]
        adam(
            parameters,
            gradients,
            [m["mean"] for m in memory],
            [m["square"] for m in memory],
            [],
            [m["step"] for m in memory],
            fused=True,
            amsgrad=False,
            beta1=config.beta1,
            beta2=config.beta2,
            lr=rate,
            weight_decay=weight_decay,
            eps=config.epsilon,
            maximize=False,
            decoupled_weight_decay=config.name == "adamw",
        )


def _check(rate: float, weight_decay: float) -> None:
    if not 0 < rate < float("inf"):
        raise ValueError(f"rate must be above 0, got {rate}")
    if not 0 <= weight_decay < float("inf"):
        raise ValueError(f"weight_decay must be 0 or more, got {weight_decay}")
