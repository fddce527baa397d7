"""The table of layers: name, kind, shape of the output, parameters, and what feeds it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kenspeckle.models.families import ModelConfig, outline


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


def summarize(config: ModelConfig, *, shape: tuple[int, int, int], outputs: int) -> ModelSummary:
    """The layers of `config` for pictures of `shape` (C, H, W); nothing is computed.

    Raises `ConfigError` where the pictures are too small.
    """
    network = outline(config, shape=shape, outputs=outputs).eval()
    picture = torch.empty(1, *shape, device="meta")
    made_by = {id(picture): ""}
    alive = [picture]  # so that no two tensors share an id
    rows: list[LayerRow] = []

    def record(name: str, module: nn.Module) -> None:
        def hook(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            own = list(module.parameters())
            rows.append(
                LayerRow(
                    name=name,
                    kind=type(module).__name__,
                    about=_about(module),
                    shape=tuple(made.shape[1:]),
                    weights=sum(p.numel() for p in own if p.ndim > 1),
                    parameters=sum(p.numel() for p in own),
                    inputs=tuple(made_by[id(tensor)] for tensor in given),
                )
            )
            made_by[id(made)] = name
            alive.append(made)

        module.register_forward_hook(hook)

    leaves = [(name, m) for name, m in network.named_modules() if name and not list(m.children())]
    for name, module in leaves:
        record(name, module)
    with torch.no_grad():
        network(picture)
    return ModelSummary(shape=shape, rows=tuple(rows))


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
