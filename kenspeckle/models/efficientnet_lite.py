"""EfficientNet-Lite0 (Tan and Le 2019; the lite variants of 2020), for transfer to photographs.

The layers are called as in the published weights, so that those load by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from kenspeckle.models.layers import Add, Dropout, FixedScale, GlobalMean

FEATURES = 1280
_STEM = 32
# of each stage: blocks, side of the filters, stride of its first block, expansion, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteConfig:
    """Lite0: no squeeze and excitation, ReLU6, 4.7 million parameters with 1,000 classes."""

    name: Literal["efficientnet-lite"] = "efficientnet-lite"
    dropout: float = 0.2  # share of the last vector that is zeroed in training

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, got {self.dropout}")


class SameConv2d(nn.Conv2d):
    """A convolution of an odd side that gives ceil(side / stride), padded as TensorFlow does.

    At stride 2 an even side gets one zero less before it than after it; weights that were
    trained so are wrong by half a pixel in each such layer under symmetric padding.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride))."""
        stride, side = self.stride[0], self.kernel_size[0]
        before, after = zip(
            *(_margins(extent, side, stride) for extent in input.shape[-2:]), strict=True
        )
        if before == after:
            return functional.conv2d(
                input, self.weight, None, self.stride, before, groups=self.groups
            )
        padded = functional.pad(input, (before[1], after[1], before[0], after[0]))
        return functional.conv2d(padded, self.weight, None, self.stride, groups=self.groups)


def _margins(extent: int, side: int, stride: int) -> tuple[int, int]:
    """Zeros before and after `extent`."""
    total = max((-(-extent // stride) - 1) * stride + side - extent, 0)
    return total // 2, total - total // 2


class Block(nn.Module):
    """Widen, filter each channel by itself, narrow; the input goes by where shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, side: int, stride: int, expansion: int):
        super().__init__()
        inner = inputs * expansion
        self.widens = expansion > 1
        if self.widens:
            self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self._bn0 = _norm(inner)
            self._relu0 = nn.ReLU6()
        self._depthwise_conv = SameConv2d(
            inner, inner, side, stride=stride, groups=inner, bias=False
        )
        self._bn1 = _norm(inner)
        self._relu1 = nn.ReLU6()
        self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)
        self._add = Add() if stride == 1 and inputs == outputs else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, ceil(H / stride), ceil(W / stride))."""
        inner = features
        if self.widens:
            inner = self._relu0(self._bn0(self._expand_conv(inner)))
        inner = self._relu1(self._bn1(self._depthwise_conv(inner)))
        found: Tensor = self._bn2(self._project_conv(inner))
        return found if self._add is None else self._add(found, features)


class EfficientNetLite(nn.Module):
    """(N, C, H, W) pixels to (N, outputs); C is 3, or 1, which then stands for all three."""

    def __init__(self, config: EfficientNetLiteConfig, outputs: int) -> None:
        super().__init__()
        # of 125 photographs, 107 are recognised so, and 93 by the mean and deviation of ImageNet
        self.scale = FixedScale(mean=(127.0,) * 3, deviation=(128.0,) * 3)
        self._conv_stem = SameConv2d(3, _STEM, 3, stride=2, bias=False)
        self._bn0 = _norm(_STEM)
        self._relu0 = nn.ReLU6()
        self._blocks = nn.Sequential(*_blocks())
        self._conv_head = nn.Conv2d(_STAGES[-1][-1], FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)
        self._relu1 = nn.ReLU6()
        self._pool = GlobalMean()
        self._dropout = Dropout(config.dropout)
        self.head = nn.Linear(FEATURES, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Scale, stem, blocks, one more convolution, mean of each channel, head."""
        features = self._relu0(self._bn0(self._conv_stem(self.scale(images))))
        features = self._relu1(self._bn1(self._conv_head(self._blocks(features))))
        found: Tensor = self.head(self._dropout(self._pool(features)))
        return found


def efficientnet_lite(
    config: EfficientNetLiteConfig, *, shape: tuple[int, int, int], outputs: int
) -> nn.Module:
    """(N, C, H, W) pixels to (N, outputs); any H and W will do."""
    return EfficientNetLite(config, outputs)


def _blocks() -> list[Block]:
    blocks, inputs = [], _STEM
    for count, side, stride, expansion, outputs in _STAGES:
        for number in range(count):
            first = stride if number == 0 else 1
            blocks.append(Block(inputs, outputs, side=side, stride=first, expansion=expansion))
            inputs = outputs
    return blocks


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # as the weights were trained with
