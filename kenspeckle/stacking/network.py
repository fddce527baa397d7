"""Networks of one architecture as one: their tensors in common storage, computed together.

Channels lie side by side, so that a convolution of N networks is one of N groups, and a dense
layer one batched product. With two networks or more, what is computed of one depends neither on
the others nor on how many they are; on a processor that holds for one thread, because several
share the work by how much there is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kenspeckle.device import Compute
from kenspeckle.errors import ConfigError
from kenspeckle.models.layers import (
    ACTIVATIONS,
    Crop,
    Dropout,
    GlobalMax,
    GlobalMean,
    Scale,
)

_APART = (  # what treats every channel for itself, whichever network it belongs to
    Crop,
    GlobalMax,
    GlobalMean,
    nn.AvgPool2d,
    nn.Flatten,
    nn.MaxPool2d,
    nn.ZeroPad2d,
    *ACTIVATIONS.values(),
)
_ROUNDED = (GlobalMean, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)  # other bits in a rest
_VECTOR = 16  # numbers of 4 bytes in the widest register
_STRIDE = 64  # numbers of 2 bytes in two of them, of which the longest loops take so many at once
_WIDE = torch.empty(_VECTOR)
_TOGETHER = (Scale, nn.BatchNorm1d, nn.BatchNorm2d, nn.Conv2d, nn.Linear, Dropout)


def can_be_stacked(network: nn.Module) -> bool:
    """Whether `Stack` knows every layer, those of convnet and mlp, and no width is odd.

    Vectors of a processor hold up to 16 numbers. A layer of another width would leave a rest that
    it computes in another way, and whose rest that is would depend on how many networks there are.
    """
    last = list(network.children())[-1]
    return all(
        type(layer) in (*_APART, *_TOGETHER)
        and (layer is last or getattr(layer, "weight", _WIDE).shape[0] % _VECTOR == 0)
        for layer in network.modules()
        if not isinstance(layer, nn.Sequential)
    )


def shares_work(compute: Compute) -> bool:
    """Whether threads share out a computation, and so make bits depend on how large it is."""
    return compute.device == "cpu" and compute.threads > 1


def require_stackable(network: nn.Module, compute: Compute) -> None:
    """Raise `ConfigError` where `can_be_stacked` says no, or bits would depend on other seeds."""
    if shares_work(compute):
        raise ConfigError(
            f"stacked is for one thread, got threads={compute.threads}; use threads=1 or "
            "stacked=false"
        )
    if not can_be_stacked(network):
        raise ConfigError(
            "stacked is for the models convnet and mlp, with widths that are multiples of "
            f"{_VECTOR}; use stacked=false"
        )


class Stack:
    """Two or more networks; from now on their tensors are parts of those of the stack.

    Their gradients too, which `backward` of what the stack has computed adds up.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self._networks = networks
        self._count = len(networks)
        own = [network.state_dict(keep_vars=True) for network in networks]
        self.tensors = {name: _joined([state[name] for state in own]) for name in own[0]}
        self._own = [dict(network.named_parameters()) for network in networks]
        self.parameters = {name: nn.Parameter(self.tensors[name]) for name in self._own[0]}

    def __call__(self, images: Tensor) -> Tensor:
        """(n, N * C, H, W), of each network C channels, to outputs (N, n, K), in training."""
        # the layout is said, because pictures of one channel leave it open, and gradients of two
        # layouts meet in loops that depend on how many networks there are
        images = images.contiguous(memory_format=torch.channels_last)
        return self._each(self._through("", self._networks, images))

    def forget_gradients(self) -> None:
        """Those of the last step."""
        for parameters in (self.parameters, *self._own):
            for parameter in parameters.values():
                parameter.grad = None

    def hand_out_gradients(self) -> None:
        """Let each network hold its parts, for its own optimizer."""
        for name, parameter in self.parameters.items():
            if parameter.grad is not None:
                parts = parameter.grad.chunk(self._count)
                for own, part in zip(self._own, parts, strict=True):
                    own[name].grad = part

    def _through(self, name: str, modules: Sequence[nn.Module], inputs: Tensor) -> Tensor:
        """`inputs` (n, N * features ...) through `modules`, one of each network."""
        lead = modules[0]
        match lead:
            case nn.Sequential():
                prefix = f"{name}." if name else ""
                for child in lead._modules:
                    children = [module.get_submodule(child) for module in modules]
                    inputs = self._through(prefix + child, children, inputs)
                return inputs
            case Scale():
                mean, deviation = self.tensors[f"{name}.mean"], self.tensors[f"{name}.deviation"]
                return (inputs - mean) / deviation
            case nn.Conv2d():
                return self._convolution(name, lead, inputs)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                return self._norm(name, lead, inputs)
            case nn.Linear():
                return self._dense(name, inputs)
            case Dropout():
                return self._apart(modules, inputs)
        if isinstance(lead, _ROUNDED) and self._has_rest(lead, inputs):
            return self._apart(modules, inputs)
        outputs: Tensor = lead(inputs)
        return outputs

    def _convolution(self, name: str, lead: nn.Conv2d, inputs: Tensor) -> Tensor:
        weight, bias = self.parameters[f"{name}.weight"], self.parameters.get(f"{name}.bias")
        padding = lead.padding
        assert isinstance(padding, tuple)
        if lead.padding_mode != "zeros":
            height, width = padding
            inputs = F.pad(inputs, (width, width, height, height), mode=lead.padding_mode)
            padding = (0, 0)
        return F.conv2d(inputs, weight, bias, lead.stride, padding, groups=self._count)

    def _norm(self, name: str, lead: nn.BatchNorm1d | nn.BatchNorm2d, inputs: Tensor) -> Tensor:
        self.tensors[f"{name}.num_batches_tracked"].add_(1)
        return F.batch_norm(
            inputs,
            self.tensors[f"{name}.running_mean"],
            self.tensors[f"{name}.running_var"],
            self.parameters[f"{name}.weight"],
            self.parameters[f"{name}.bias"],
            training=True,
            momentum=lead.momentum or 0.0,
            eps=lead.eps,
        )

    def _dense(self, name: str, inputs: Tensor) -> Tensor:
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        weights = weight.view(self._count, -1, weight.shape[1]).mT
        biases = bias.view(self._count, 1, -1)
        each = self._each(inputs)
        if biases.shape[2] % _STRIDE == 0:
            outputs = torch.baddbmm(biases, each, weights)
        else:  # the gradient, a sum over the pictures of all networks, would have a rest
            products = torch.bmm(each, weights)
            outputs = torch.stack([one + own for one, own in zip(products, biases, strict=True)])
        return outputs.transpose(0, 1).flatten(1)

    def _each(self, features: Tensor) -> Tensor:
        """(n, N * F) to (N, n, F)."""
        return features.reshape(len(features), self._count, -1).transpose(0, 1)

    def _has_rest(self, lead: nn.Module, inputs: Tensor) -> bool:
        """Whether loops over all networks would end with a rest that belongs to one of them."""
        numbers = inputs.shape[1] if isinstance(lead, GlobalMean) else inputs.numel()
        return numbers // self._count % _STRIDE > 0

    def _apart(self, modules: Sequence[nn.Module], inputs: Tensor) -> Tensor:
        layout = torch.channels_last if inputs.ndim == 4 else torch.contiguous_format
        pieces = [
            piece.contiguous(memory_format=layout) for piece in inputs.chunk(self._count, dim=1)
        ]
        return torch.cat([one(piece) for one, piece in zip(modules, pieces, strict=True)], dim=1)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """One of each network in one tensor, of which each then is a part."""
    values = [tensor.detach() for tensor in tensors]
    common = torch.cat(values) if values[0].ndim else torch.stack(values)
    # channels innermost, as convolutions like them
    if values[0].ndim == 4 and values[0].is_contiguous(memory_format=torch.channels_last):
        common = common.contiguous(memory_format=torch.channels_last)
    for tensor, part in zip(tensors, common.chunk(len(tensors)), strict=True):
        tensor.data = part if tensor.ndim else part.view(())
    return common
