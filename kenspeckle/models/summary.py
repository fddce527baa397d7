"""The table of layers: name, kind, shape of the output, parameters, and what feeds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from kenspeckle.models.families import ModelConfig, outline
from kenspeckle.models.origins import Origins, tensors


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer, in the order in which pictures pass through."""

    name: str
    kind: str  # such as Conv2d
    about: str  # such as 3 x 3, 64 filters
    shape: tuple[int, ...]  # of its output for one picture
    weights: int  # parameters without biases and norms, as the tables of papers count
    parameters: int  # all of them
    inputs: tuple[str, ...]  # names of the layers that feed it; "" is the picture


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """All layers of a network, and their sums."""

    shape: tuple[int, int, int]  # (C, H, W) of the input
    rows: tuple[LayerRow, ...]

    @property
    def weights(self) -> int:
        """Parameters without biases and norms."""
        return sum(row.weights for row in self.rows)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(row.parameters for row in self.rows)


def summarize(
    config: ModelConfig,
    *,
    shape: tuple[int, int, int],
    outputs: int,
    on: Literal["meta", "cpu"] = "meta",
) -> ModelSummary:
    """The layers of `config` for pictures of `shape` (C, H, W).

    On "meta" nothing is computed, but the first use in a process loads torch's compiler, which
    takes a second. On "cpu" one picture is computed: for a network that is in memory anyway.

    A part with parameters of its own, such as the places of tokens, is a row too. A layer that is
    used again is a row such as "dropout_2" without parameters. Raises `ConfigError` where the
    pictures are too small.
    """
    network = outline(config, shape=shape, outputs=outputs).eval()
    picture = torch.ones(1, *shape, device=on)
    if on == "cpu":
        _fill(network)
    origins = Origins()
    origins.name(picture, "")
    rows: list[LayerRow] = []

    def record(name: str, module: nn.Module, own: list[nn.Parameter]) -> None:
        is_leaf = not list(module.children())
        uses = 0

        def hook(
            _: nn.Module, given: tuple[object, ...], named: dict[str, object], made: object
        ) -> None:
            nonlocal uses
            found = tensors(made)
            if not found:
                return
            uses += 1
            unique = name if uses == 1 else f"{name}_{uses}"
            counted = own if uses == 1 else []
            rows.append(
                LayerRow(
                    name=unique,
                    kind=type(module).__name__,
                    about=_about(module),
                    shape=tuple(found[0].shape[1:]),
                    weights=sum(p.numel() for p in counted if p.ndim > 1),
                    parameters=sum(p.numel() for p in counted),
                    # of a part, its last layers; of a layer, what it is given
                    inputs=origins.of((given, named) if is_leaf else made),
                )
            )
            for tensor in found:
                origins.name(tensor, unique)

        module.register_forward_hook(hook, with_kwargs=True)

    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if name and (own or not list(module.children())):
            record(name, module, own)
    with torch.no_grad(), origins:
        network(picture)
    return ModelSummary(shape=shape, rows=tuple(rows))


def _fill(network: nn.Module) -> None:
    """Give each tensor of an outline one element of memory, which stands for all."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            one = torch.ones((), dtype=parameter.dtype).expand(parameter.shape)
            setattr(module, name, nn.Parameter(one, requires_grad=False))
        for name, buffer in list(module.named_buffers(recurse=False)):
            # of whole numbers zero, which is a place in any list
            value = torch.tensor(float(buffer.is_floating_point()), dtype=buffer.dtype)
            setattr(module, name, value.expand(buffer.shape))


def _about(module: nn.Module) -> str:
    match module:
        case nn.Conv2d():
            side, stride = module.kernel_size[0], module.stride[0]
            steps = f", stride {stride}" if stride > 1 else ""
            return f"{module.out_channels} filters of {side} x {side}{steps}"
        case nn.MaxPool2d() | nn.AvgPool2d():
            return f"{module.kernel_size} x {module.kernel_size}"
        case nn.Linear():
            return f"{module.in_features} to {module.out_features}"
    return ""
