"""Optimizers: the parameters of a network, what is remembered of each, and one fused update.

The kernels are called through torch's functional API: constructing a `torch.optim.Optimizer`
imports the compiler, which takes a second that a training of two seconds does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from kenspeckle.optim_config import (
    AdadeltaConfig,
    AdagradConfig,
    AdamConfig,
    MuonConfig,
    OptimizerConfig,
    RmspropConfig,
    SgdConfig,
)

Memory = dict[str, Tensor]
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024, "Muon"


class Optimizer:
    """Updates the parameters of a network in place; weights decay, biases and norms do not."""

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        config: OptimizerConfig,
        *,
        layer_decay: float = 1.0,
    ) -> None:
        """With `layer_decay`, the rate of each layer is that share of the next layer's."""
        self.parameters = {name: p for name, p in parameters.items() if p.requires_grad}
        self.rate = config.rate  # at the peak of the schedule, of the last layer
        shares = _shares(list(self.parameters), layer_decay)
        self._groups = [
            (group, share, [name for name in names if shares[name] == share])
            for group, names in _groups(self.parameters, config)
            for share in sorted({shares[name] for name in names})
        ]
        self.memory = {
            name: _start(self.parameters[name], group)
            for group, _, names in self._groups
            for name in names
        }

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def step(self, factor: float) -> None:
        """Update every parameter that has a gradient; `factor` is of the configured rate."""
        self.step_together([self], factor)

    @staticmethod
    def step_together(optimizers: Sequence[Optimizer], factor: float) -> None:
        """Let several of one configuration, for networks of one architecture, make a step each."""
        with torch.no_grad():
            for config, share, names in optimizers[0]._groups:
                pairs = [
                    (parameter, one.memory[name])
                    for one in optimizers
                    for name in names
                    if (parameter := one.parameters[name]).grad is not None
                ]
                if pairs:
                    parameters: list[Tensor] = [parameter for parameter, _ in pairs]
                    gradients = [p.grad for p in parameters if p.grad is not None]
                    memory = [kept for _, kept in pairs]
                    _update(config, parameters, gradients, memory, config.rate * share * factor)

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


def _shares(names: list[str], decay: float) -> dict[str, float]:
    """The share of the rate that each parameter gets: less, the further its layer from the end.

    Layers are told apart by their first name, and in a sequence by their number (Howard and Ruder
    2018, discriminative fine-tuning).
    """
    layers = {name: _layer(name) for name in names}
    order = list(dict.fromkeys(layers.values()))
    return {name: decay ** (len(order) - 1 - order.index(layers[name])) for name in names}


def _layer(name: str) -> str:
    parts = name.split(".")
    until = next((place for place, part in enumerate(parts) if part.isdecimal()), 0)
    return ".".join(parts[: until + 1])


def _groups(
    parameters: Mapping[str, Tensor], config: OptimizerConfig
) -> list[tuple[OptimizerConfig, list[str]]]:
    """Which parameters share one update, with its settings."""
    weights = [name for name, p in parameters.items() if p.ndim > 1]
    others = [name for name, p in parameters.items() if p.ndim <= 1]
    if not isinstance(config, MuonConfig):
        return [(config, weights), (replace(config, weight_decay=0.0), others)]
    # the first and the last layer meet pixels and classes: their entries matter one by one
    inner = weights[1:-1]
    outer = [name for name in weights if name not in inner]
    return [
        (config, inner),
        (config.outer, outer),
        (replace(config.outer, weight_decay=0.0), others),
    ]


def _start(parameter: Tensor, config: OptimizerConfig) -> Memory:
    """What is remembered of one parameter before the first step."""
    zeros = torch.zeros_like(parameter, requires_grad=False)
    step = torch.zeros((), device=parameter.device)
    match config:
        case SgdConfig():
            return {"momentum": zeros} if config.momentum else {}
        case AdagradConfig():
            return {"sum": zeros.fill_(config.start), "step": step}
        case AdadeltaConfig():
            return {"square": zeros, "change": zeros.clone(), "step": step}
        case RmspropConfig():
            momentum = {"momentum": zeros.clone()} if config.momentum else {}
            return {"square": zeros, "step": step, **momentum}
        case AdamConfig():
            return {"mean": zeros, "square": zeros.clone(), "step": step}
        case MuonConfig():
            return {"momentum": zeros}


def _update(
    config: OptimizerConfig,
    parameters: list[Tensor],
    gradients: list[Tensor],
    memory: list[Memory],
    rate: float,
) -> None:
    def each(quantity: str) -> list[Tensor]:
        return [item[quantity] for item in memory]

    decay = config.weight_decay
    match config:
        case SgdConfig():
            # a buffer of zeros is torch's own start too, as long as dampening is 0
            sgd(
                parameters,
                gradients,
                [item.get("momentum") for item in memory],
                fused=True,
                weight_decay=decay,
                lr=rate,
                momentum=config.momentum,
                dampening=0.0,
                nesterov=config.nesterov,
                maximize=False,
            )
        case AdagradConfig():
            adagrad(
                parameters,
                gradients,
                each("sum"),
                each("step"),
                lr=rate,
                weight_decay=decay,
                lr_decay=0.0,
                eps=config.epsilon,
                maximize=False,
            )
        case AdadeltaConfig():
            adadelta(
                parameters,
                gradients,
                each("square"),
                each("change"),
                each("step"),
                foreach=True,
                lr=rate,
                rho=config.rho,
                eps=config.epsilon,
                weight_decay=decay,
                maximize=False,
            )
        case RmspropConfig():
            rmsprop(
                parameters,
                gradients,
                each("square"),
                [],
                each("momentum") if config.momentum else [],
                each("step"),
                foreach=True,
                lr=rate,
                alpha=config.alpha,
                eps=config.epsilon,
                weight_decay=decay,
                momentum=config.momentum,
                centered=False,
            )
        case AdamConfig():
            adam(
                parameters,
                gradients,
                each("mean"),
                each("square"),
                [],
                each("step"),
                fused=True,
                amsgrad=False,
                beta1=config.beta1,
                beta2=config.beta2,
                lr=rate,
                weight_decay=decay,
                eps=config.epsilon,
                maximize=False,
                decoupled_weight_decay=config.name == "adamw",
            )
        case MuonConfig():
            _muon(config, parameters, gradients, each("momentum"), rate)


def _muon(
    config: MuonConfig,
    parameters: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor],
    rate: float,
) -> None:
    """Momentum whose matrix is made orthogonal, so that every direction moves alike."""
    for parameter, gradient, momentum in zip(parameters, gradients, momenta, strict=True):
        momentum.mul_(config.momentum).add_(gradient)
        change = gradient.add(momentum, alpha=config.momentum)  # Nesterov
        matrix = orthogonal(change.flatten(start_dim=1), steps=config.iterations)
        parameter.mul_(1 - rate * config.weight_decay)
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        parameter.add_(matrix.view(parameter.shape), alpha=-rate * scale)


def orthogonal(matrix: Tensor, *, steps: int) -> Tensor:
    """Nearly U V' for `matrix` = U S V' of shape (rows, columns), by a Newton-Schulz iteration.

    Singular values come out between about 0.7 and 1.2 (Jordan et al. 2024, "Muon").
    """
    a, b, c = _NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x.T if tall else x
    return found
