"""The layers of a network by name: what comes out of each, and what its activation is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.models.layers import ACTIVATIONS

BATCH = 500  # pictures at a time; bounds the memory
HEAD = "head"  # the last layer of every network


def layer_names(network: nn.Module) -> list[str]:
    """Every module that can be looked at, from the first to the last."""
    return [name for name, _ in network.named_modules() if name]


def activations(network: nn.Module, images: NDArray[np.uint8], layer: str) -> NDArray[np.float32]:
    """What `layer` gives for `images` (N, H, W, C): (N, D) or (N, C', H', W').

    Raises `ConfigError` for an unknown layer.
    """
    modules = dict(network.named_modules())
    if layer not in modules or not layer:
        raise ConfigError(unknown_name("layer", layer, layer_names(network)))
    kept: list[Tensor] = []
    hook = modules[layer].register_forward_hook(lambda _m, _i, given: kept.append(given))
    try:
        with _evaluating(network), torch.inference_mode():
            for start in range(0, len(images), BATCH):
                network(pixels(images[start : start + BATCH], network))
    finally:
        hook.remove()
    return torch.cat([given.float().cpu() for given in kept]).numpy()


def hidden_layer(network: nn.Module) -> str:
    """The last activation before the head: where the fingerprint of a picture is."""
    named = [name for name, module in network.named_modules() if is_activation(module)]
    if not named:
        raise ConfigError("this network has no hidden layer; softmax regression has none")
    last: str = named[-1]
    return last


def is_activation(module: nn.Module) -> bool:
    """Whether `module` is one of the activations that our networks are made of."""
    return isinstance(module, (*ACTIVATIONS.values(), nn.ReLU6))


def pixels(images: NDArray[np.uint8], network: nn.Module) -> Tensor:
    """`images` (N, H, W, C) as the network takes them: floating point (N, C, H, W), 0..255."""
    device = next(network.parameters()).device
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float()


@contextmanager
def pre_activations(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect what each activation is given, and the logits, by the name of its layer."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            found[name] = given[0].detach()

        return hook

    hooks = [
        module.register_forward_pre_hook(keep(label(name)))
        for name, module in network.named_modules()
        if is_activation(module)
    ]
    head = dict(network.named_modules())[HEAD]
    hooks.append(
        head.register_forward_hook(lambda _m, _i, given: found.update({"logits": given.detach()}))
    )
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def label(name: str) -> str:
    """How people call the layer of an activation: block1 for block1.activation, dense1."""
    if name.startswith("activation") and name.removeprefix("activation").isdigit():
        return f"dense{name.removeprefix('activation')}"
    return name.removesuffix(".activation")


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)
