"""The layers of a network by name: what comes out of each, and what its activation is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.errors import ConfigError, unknown_name
from kenspeckle.explain.activation_kinds import KINDS

BATCH = 500  # pictures of 28 x 28 at a time, of larger ones fewer; bounds the memory
HEAD = "head"  # the last layer of every network


def layer_names(network: nn.Module) -> list[str]:
    """Every module that can be looked at, from the first to the last."""
    return [name for name, _ in network.named_modules() if name]


def activations(network: nn.Module, images: NDArray[np.uint8], layer: str) -> NDArray[np.float32]:
    """What `layer` gives for `images` (N, H, W, C): (N, D) or (N, C', H', W').

    Raises `ConfigError` for an unknown layer.
    """
    kept: list[Tensor] = []
    size = batch_size(images.shape[1:3])
    with evaluating(network), torch.inference_mode():
        for start in range(0, len(images), size):
            with captured(network, [layer]) as found:
                network(pixels(images[start : start + size], network))
            if layer not in found:
                raise ConfigError(f"layer {layer!r} takes no part in the answers of this network")
            kept.append(found[layer].float().cpu())
    return torch.cat(kept).numpy()


@contextmanager
def captured(network: nn.Module, layers: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """Collect what `layers` give, by name, in the order in which they last gave something.

    Of several tensors it is the first. Raises `ConfigError` for an unknown layer.
    """
    modules = dict(network.named_modules())
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., Tensor | None]:
        def hook(_module: nn.Module, _given: object, made: object) -> Tensor | None:
            found.pop(name, None)
            tensor = _first_tensor(made)
            if tensor is not None:
                found[name] = tensor
            # the next layer may work in place, so that it gets a copy
            return tensor.clone() if tensor is not None and tensor is made else None

        return hook

    hooks = []
    try:
        for layer in layers:
            if layer not in modules or not layer:
                raise ConfigError(unknown_name("layer", layer, layer_names(network)))
            hooks.append(modules[layer].register_forward_hook(keep(layer)))
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _first_tensor(made: object) -> Tensor | None:
    """Of what a layer gives: a tensor, several of them, or by names."""
    if isinstance(made, Mapping):
        made = tuple(made.values())
    if isinstance(made, tuple | list):
        made = made[0] if made else None
    return made if isinstance(made, Tensor) else None


def batch_size(picture: tuple[int, ...]) -> int:
    """How many pictures of `picture` (H, W) may go through a network together."""
    return max(8, min(BATCH, BATCH * 28 * 28 // math.prod(picture)))


def hidden_layer(network: nn.Module) -> str:
    """The last activation before the head: where the fingerprint of a picture is."""
    named = [name for name, module in network.named_modules() if is_activation(module)]
    if not named:
        raise ConfigError("this network has no hidden layer; softmax regression has none")
    last: str = named[-1]
    return last


def is_activation(module: nn.Module) -> bool:
    """Whether `module` is an activation, of torch or of transformers."""
    return type(module).__name__ in KINDS


def pixels(images: NDArray[np.uint8], network: nn.Module) -> Tensor:
    """`images` (N, H, W, C) as the network takes them: floating point (N, C, H, W), 0..255."""
    device = next(network.parameters()).device
    return torch.from_numpy(writable(images)).to(device).permute(0, 3, 1, 2).float()


def writable(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`images`, or a copy where they may not be written, of which torch would warn."""
    return images if images.flags.writeable else images.copy()


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
def differentiable() -> Iterator[None]:
    """Gradients are possible within, whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """In evaluation mode; afterwards each module is in the mode in which it was."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
