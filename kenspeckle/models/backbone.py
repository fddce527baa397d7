"""A network that was trained before, without its last layer: what features are taken from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from kenspeckle.models.families import ModelConfig, build_model


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """Pretrained weights, and how a model file says what network they belong to."""

    network: nn.Module  # in evaluation mode; (N, C, H, W) pixels of 0..255 to features (N, D)
    features: int  # D
    size: tuple[int, int]  # height and width of the pictures that it was made for
    config: ModelConfig  # `build_model` makes the same network with a last layer
    about: str  # one line: what it is, where it comes from, and its licence if that is known
    channels: int = 3  # of the pictures

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the names and values of the weights."""
        digest = hashlib.sha256()
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.contiguous().cpu().numpy().tobytes())
        return digest.hexdigest()

    def with_head(self, weights: NDArray[np.floating], bias: NDArray[np.floating]) -> nn.Module:
        """The same network with the last layer `weights` (K, D) and `bias` (K,): to (N, K).

        It is what `build_model(config)` makes, so a model file can hold it.
        """
        shape = (self.channels, *self.size)
        network = build_model(self.config, shape=shape, outputs=len(weights))
        head = {
            "head.weight": torch.from_numpy(np.asarray(weights, dtype=np.float32)),
            "head.bias": torch.from_numpy(np.asarray(bias, dtype=np.float32)),
        }
        network.load_state_dict({**self.network.state_dict(), **head})
        return network.eval()


def head_width(network: nn.Module) -> int:
    """How many features the layer `head` of `network` is given."""
    head = network.head
    assert isinstance(head, nn.Linear)  # the last layer of every family
    return head.in_features


def without_head(network: nn.Module) -> nn.Module:
    """`network` for evaluation, its layer `head` replaced by nothing; changes it in place."""
    network.head = nn.Identity()
    return network.eval().requires_grad_(False)
