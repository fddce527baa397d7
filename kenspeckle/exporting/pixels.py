"""What `data/framing.py` does to a decoded picture, as tensors: the same pixels, bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kenspeckle.data.planes import LUMA
from kenspeckle.data.preprocess_config import PreprocessConfig
from kenspeckle.exporting.resampling import Axis, resized, scalar


class Pixels(nn.Module):
    """Pictures (N, H, W, 1 or 3) uint8 to (views * N, channels, height, width) float32 of 0..255.

    The views of a picture are N rows apart. Of the kind `ink` the pictures must have the form of
    the input already: they are only turned.
    """

    def __init__(self, config: PreprocessConfig, *, channels: int) -> None:
        super().__init__()
        self.config = config
        self.channels = channels

    @property
    def views(self) -> int:
        """How many pictures the network sees of each; where they are all alike, one would do."""
        return self.config.crops if self.config.kind == "crops" else 1

    def forward(self, pictures: Tensor) -> Tensor:
        """As the class says."""
        if self.config.kind == "ink":
            return pictures.permute(0, 3, 1, 2).float()
        planes = self._with_channels(pictures)
        if self.config.kind == "pad":
            return self._padded(planes).float()
        shots = [resized(planes, rows, columns) for rows, columns in self._windows(planes)]
        return torch.cat(shots).float() if len(shots) > 1 else shots[0].float()

    def _with_channels(self, pictures: Tensor) -> Tensor:
        """As `framing.with_channels`: (N, channels, H, W) float64."""
        bands = pictures.shape[3]
        planes = pictures.permute(0, 3, 1, 2)
        if self.channels == 3:
            last = torch.tensor([0, 0, 2])[torch.scalar_tensor(bands - 1, dtype=torch.int64)]
            return planes.index_select(1, torch.minimum(torch.arange(3), last)).double()
        shares = torch.tensor(LUMA, dtype=torch.float64)[torch.arange(bands)]
        shares = torch.where(scalar(bands) == 1.0, 1000.0, shares)
        thousandths = (planes.double() * shares[:, None, None]).sum(dim=1, keepdim=True)
        return (thousandths / 1000.0).round()

    def _windows(self, planes: Tensor) -> list[tuple[Axis, Axis]]:
        config, (height, width) = self.config, planes.shape[2:]
        places = _count(config.height), _count(config.width)
        if config.kind == "resize":
            return [(_whole(height, config.height), _whole(width, config.width))]
        if config.kind == "crop":
            scale = torch.minimum(scalar(height) / config.height, scalar(width) / config.width)
            return [
                (
                    _middle(height, config.height, scale),
                    _middle(width, config.width, scale),
                )
            ]
        scale = torch.maximum(
            scalar(config.height) / scalar(height), scalar(config.width) / scalar(width)
        )
        enlarged = [
            (scalar(side) * scale).round().clamp(min=float(target))
            for side, target in ((height, config.height), (width, config.width))
        ]
        spare = enlarged[0] - config.height, enlarged[1] - config.width
        steps = scalar(height) / enlarged[0], scalar(width) / enlarged[1]
        rows, columns, count = config.height, config.width, config.crops
        ends = torch.linspace(0, 1, count, dtype=torch.float64).tolist() if count > 1 else [0.5]
        return [
            (
                _from_start(
                    height, steps[0], places[0] + (end * spare[0]).round(), _taps(height, rows)
                ),
                _from_start(
                    width, steps[1], places[1] + (end * spare[1]).round(), _taps(width, columns)
                ),
            )
            for end in ends
        ]

    def _padded(self, planes: Tensor) -> Tensor:
        """The whole picture in the middle, its edge's median colour around it."""
        height, width = self.config.height, self.config.width
        sides = planes.shape[2:]
        scale = torch.minimum(scalar(height) / scalar(sides[0]), scalar(width) / scalar(sides[1]))
        # a side that is rounded down to few pixels has half as many more in each
        most = _larger(_pixels_in_one(sides[0], height), _pixels_in_one(sides[1], width))
        rows = _Inside(sides[0], height, scale, reach=3 * most + 2)
        columns = _Inside(sides[1], width, scale, reach=3 * most + 2)
        canvas = resized(planes, rows.axis, columns.axis)
        lines = torch.cat(
            [
                _line(canvas, 2, rows.first, columns.is_inside),
                _line(canvas, 2, rows.last, columns.is_inside),
                _line(canvas, 3, columns.first, rows.is_inside),
                _line(canvas, 3, columns.last, rows.is_inside),
            ],
            dim=2,
        )
        half = (rows.extent + columns.extent).long()
        ordered = lines.sort(dim=2).values
        middle = ordered.index_select(2, torch.stack([half - 1, half]))
        median = middle.mean(dim=2).round()[:, :, None, None]
        inside = rows.is_inside[:, None] & columns.is_inside[None, :]
        return torch.where(inside, canvas, median)


class _Inside:
    """Where one side of a picture lies on the canvas that `pad` puts it on."""

    def __init__(self, size: int, target: int, scale: Tensor, *, reach: int) -> None:
        self.extent = (scalar(size) * scale).round().clamp(max=float(target)).clamp(min=1.0)
        start = ((target - self.extent) / 2).floor()
        self.first = start.long()
        self.last = (start + self.extent - 1.0).long()
        places = _count(target) - start
        self.is_inside = (places >= 0.0) & (places < self.extent)
        # outside stands any pixel; it is painted over
        nearest = torch.minimum(places.clamp(min=0.0), self.extent - 1.0)
        self.axis = _from_start(size, scalar(size) / self.extent, nearest, reach)


def _line(canvas: Tensor, axis: int, place: Tensor, is_inside: Tensor) -> Tensor:
    """One row or column of the canvas (N, C, n); 256, which sorts last, outside the picture."""
    line = canvas.index_select(axis, place[None]).squeeze(axis)
    return torch.where(is_inside, line, 256.0)


def _count(number: int) -> Tensor:
    return torch.arange(number, dtype=torch.float64)


def _whole(size: int, target: int) -> Axis:
    return _from_start(size, scalar(size) / target, _count(target), _taps(size, target))


def _taps(size: int, target: int) -> int:
    """Under the triangle of each of `target` scaled pixels, at most."""
    return 2 * _pixels_in_one(size, target) + 1


def _pixels_in_one(size: int, target: int) -> int:
    # rounded up by hand: -(-size // target) is rounded towards zero by an ONNX runtime
    return (size + target - 1) // target


def _from_start(size: int, step: Tensor, places: Tensor, reach: int) -> Axis:
    return Axis(size=size, begin=scalar(0.0), step=step, places=places, reach=reach)


def _middle(size: int, target: int, scale: Tensor) -> Axis:
    """Of the box in the middle that `framing` gives Pillow, which keeps it as float32."""
    extent = torch.minimum(scalar(size), target * scale)
    before = (scalar(size) - extent) / 2
    begin, end = before.float(), (before + extent).float()
    return Axis(
        size=size,
        begin=begin.double(),
        step=(end - begin).double() / target,
        places=_count(target),
        reach=_taps(size, target),
    )


def _larger(one: int, other: int) -> int:
    """Of two symbols, which `max` would compare and so make numbers of."""
    larger: int = torch.sym_max(one, other)  # type: ignore[no-untyped-call]
    return larger
