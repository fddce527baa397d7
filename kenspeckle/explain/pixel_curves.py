"""Does a map point at the pixels that matter? Delete them, or insert them alone (Petsiuk 2018).

A random order of the pixels is the control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from kenspeckle.device import generator
from kenspeckle.explain.attribution import Filling, filled
from kenspeckle.explain.layers import batch_size, evaluating, pixels
from kenspeckle.explain.saliency import Saliency
from kenspeckle.explain.subject import Subject, subject
from kenspeckle.figures.drawable import Drawable
from kenspeckle.figures.saliency import spoken
from kenspeckle.figures.saliency_checks import pixel_curve_lines
from kenspeckle.model_file import Classifier


@dataclass(frozen=True, kw_only=True)
class PixelCurvesConfig:
    """How pixels are taken away and added."""

    steps: int = 20  # points of each curve
    cover: Filling = "mean"  # what stands where a pixel is missing
    controls: int = 2  # random orders whose mean is the control
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "controls"):
            if not 1 <= getattr(self, name) <= 1000:
                raise ValueError(f"{name} must be in 1..1000, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class PixelCurves(Drawable):
    """The probability of the explained class while pixels go or come, the marked ones first."""

    methods: tuple[str, ...]
    shares: NDArray[np.float64]  # (S,) of the pixels that are gone or there, 0 to 1
    deletion: NDArray[np.float64]  # (M, N, S)
    insertion: NDArray[np.float64]  # (M, N, S)
    random_deletion: NDArray[np.float64]  # (N, S) mean of random orders
    random_insertion: NDArray[np.float64]  # (N, S)

    @property
    def deletion_areas(self) -> NDArray[np.float64]:
        """(M, N) under the curves of deletion, 0..1; small where the right pixels are marked."""
        return _area(self.deletion, self.shares)

    @property
    def insertion_areas(self) -> NDArray[np.float64]:
        """(M, N) under the curves of insertion, 0..1; large where the right pixels are marked."""
        return _area(self.insertion, self.shares)

    @property
    def random_areas(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N,) of deletion and of insertion in random order."""
        return _area(self.random_deletion, self.shares), _area(self.random_insertion, self.shares)

    @property
    def title(self) -> str:
        """The question that the curves answer."""
        return "Do the marked pixels matter?"

    @property
    def description(self) -> str:
        """The areas, beside those of the control, and on how many pictures they are better."""
        deleted, inserted = self.random_areas
        n = len(deleted)
        parts = [
            f"{spoken(method)}: {ours.mean():.2f}, better than random on "
            f"{int((ours < deleted).sum())} of {n}; {theirs.mean():.2f}, better on "
            f"{int((theirs > inserted).sum())} of {n}"
            for method, ours, theirs in zip(
                self.methods, self.deletion_areas, self.insertion_areas, strict=True
            )
        ]
        return (
            "Probability of the class while the marked pixels are deleted (area: less is better), "
            f"or inserted into nothing (more is better), n={n}. "
            f"{'. '.join(parts)}. Random order: {deleted.mean():.2f} and {inserted.mean():.2f}."
        )

    def figure(self) -> Figure:
        """Both kinds of curves, means over the pictures."""
        return pixel_curve_lines(self)


def pixel_curves(
    model: nn.Module | Classifier,
    found: Saliency | Sequence[Saliency],
    *,
    config: PixelCurvesConfig | None = None,
) -> PixelCurves:
    """Check the maps in `found`, which are of `model` and all for the same pictures and classes."""
    config = config or PixelCurvesConfig()
    maps = [found] if isinstance(found, Saliency) else list(found)
    first = maps[0]
    assert all(np.array_equal(item.targets, first.targets) for item in maps)
    about = subject(model, first.images)
    area = first.maps.shape[1] * first.maps.shape[2]
    shares = np.linspace(0, 1, config.steps + 1)
    with evaluating(about.network), torch.no_grad():
        given = pixels(first.images, about.network)
        cover = filled(about, given, config.cover)
        targets = torch.from_numpy(first.targets).to(given.device)
        counts = [round(share * area) for share in shares]

        def curves(order: Tensor) -> NDArray[np.float64]:
            return _curves(about, given, cover, targets, order.to(given.device), counts)

        ours = np.stack(
            [curves(_ranks(torch.from_numpy(-item.maps).flatten(1))) for item in maps], axis=1
        )
        draws = generator(config.seed, "pixel curves")
        control = np.mean(
            [
                curves(_ranks(torch.rand(len(given), area, generator=draws)))
                for _ in range(config.controls)
            ],
            axis=0,
        )
    return PixelCurves(
        methods=tuple(item.method for item in maps),
        shares=shares,
        deletion=ours[0],
        insertion=ours[1],
        random_deletion=control[0],
        random_insertion=control[1],
    )


def _ranks(keys: Tensor) -> Tensor:
    """(N, P) the place of each pixel when `keys` (N, P) ascend."""
    return keys.argsort(dim=1, stable=True).argsort(dim=1)


def _curves(
    about: Subject,
    given: Tensor,
    cover: Tensor,
    targets: Tensor,
    ranks: Tensor,
    counts: Sequence[int],
) -> NDArray[np.float64]:
    """(2, N, S): the probability without the first pixels, and with them alone."""
    places = ranks.view(len(given), 1, *given.shape[2:])
    size = max(1, batch_size((given.shape[2], given.shape[3])) // len(given))
    parts = []
    for first in range(0, len(counts), size):
        some = torch.tensor(counts[first : first + size], device=given.device)
        taken = places < some.view(-1, 1, 1, 1, 1)
        shown = torch.stack([torch.where(taken, cover, given), torch.where(taken, given, cover)])
        shares = about.shares(about.network(shown.flatten(0, 2)).float())
        chosen = shares.view(2, len(some), len(given), -1)[
            :, :, torch.arange(len(given), device=given.device), targets
        ]
        parts.append(chosen.double().cpu())
    found: NDArray[np.float64] = torch.cat(parts, dim=1).movedim(1, 2).numpy()
    return found


def _area(curves: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.trapezoid(curves, shares, axis=-1))
